"""Forward-only SQL files, each applied once, in order, under a lock, and never changed afterwards.

A service's files (`NNNN_verb_noun.sql`) live in its `storage/migrations`. They run as the service's role, inside its
schema, with lock and statement timeouts, one transaction a file. In `ENV_MODE=local` they are applied at start;
elsewhere a service that is behind refuses to start, and `mesh migrate` applies them.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable

import asyncpg
import stamina

from services.kit.config import ConfigError, MeshSettings
from services.kit.logging import get_logger
from services.kit.postgres import Connection, StorageUnavailable, dsn, neutral_errors, role_of

log = get_logger()

_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")
_SCHEMA = re.compile(r"[a-z][a-z0-9_]{0,30}")
_WAIT_S = 60.0
_LOCK = 0x6D657368  # "mesh": one migrator at a time in a database, since roles and schemas are shared

_TABLE = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    number int PRIMARY KEY,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""


class SchemaBehind(ConfigError):
    """The schema lacks migrations, or an applied one was changed."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file."""

    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        return sha256(self.sql.encode()).hexdigest()


def migrations_in(package: str) -> list[Migration]:
    """The migrations of a package, in order; ConfigError for a misnamed or missing number."""
    found = [_read(file) for file in files(package).iterdir() if file.name.endswith(".sql")]
    found.sort(key=lambda migration: migration.number)
    if [migration.number for migration in found] != list(range(1, len(found) + 1)):
        raise ConfigError(f"{package}: migrations must be numbered 0001, 0002, … without a gap")
    return found


def _read(file: Traversable) -> Migration:
    match = _NAME.fullmatch(file.name)
    if match is None:
        raise ConfigError(f"{file.name} is not named NNNN_verb_noun.sql")
    return Migration(int(match[1]), file.name, file.read_text(encoding="utf-8"))


async def prepare_schema(settings: MeshSettings, package: str) -> None:
    """Makes sure at start that the schema is current: applies in local mode, demands elsewhere.

    Waits up to a minute for a Postgres that is still starting. SchemaBehind says what to do.
    """
    prepare = migrate if settings.env_mode == "local" else require_current
    retrying = stamina.AsyncRetryingCaller(timeout=_WAIT_S, attempts=None, wait_initial=0.2, wait_max=1.0)
    await retrying(StorageUnavailable, prepare, settings, package)


async def migrate(settings: MeshSettings, package: str) -> list[str]:
    """Applies what is missing and tells the names; makes role and schema where they do not exist."""
    wanted = migrations_in(package)
    async with _as_owner(settings) as connection:
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
        await _make_room(connection, settings.service)
        applied = await _applied(connection)
        missing = _missing(settings.service, wanted, applied)
        for migration in missing:
            await _apply(connection, migration)
    return [migration.name for migration in missing]


async def require_current(settings: MeshSettings, package: str) -> None:
    """SchemaBehind unless every migration is applied."""
    wanted = migrations_in(package)
    async with _as_owner(settings) as connection:
        schema = _checked(settings.service)
        known = await connection.fetchval("SELECT to_regclass($1)", f"{schema}.schema_migrations")
        await connection.execute(f"SET search_path TO {schema}")
        missing = _missing(schema, wanted, await _applied(connection) if known else {})
    if missing:
        names = ", ".join(migration.name for migration in missing)
        raise SchemaBehind(f"schema {schema} lacks {names}: run `mesh migrate` first")


@asynccontextmanager
async def _as_owner(settings: MeshSettings) -> AsyncIterator[Connection]:
    session = {"lock_timeout": "5s", "statement_timeout": "60s", "application_name": f"mesh.{settings.service}.migrate"}
    with neutral_errors(), _refusals_in_words(settings.service):
        try:
            connection: Connection = await asyncpg.connect(dsn(settings), timeout=2.0, server_settings=session)
        except ValueError:  # in which the driver repeats parts of the URL
            raise ConfigError("DATABASE_URL can not be read: in a password write / # @ : as %2F %23 %40 %3A") from None
        try:
            yield connection
        finally:
            await connection.close(timeout=2.0)


async def reach(settings: MeshSettings) -> None:
    """One look at the database as the URL's own user: StorageUnavailable, or ConfigError where it refuses for good."""
    async with _as_owner(settings) as connection:
        await connection.fetchval("SELECT 1")


@contextmanager
def _refusals_in_words(service: str) -> Iterator[None]:
    """What no second attempt would mend, for the person who wrote the URL."""
    try:
        yield
    except asyncpg.InvalidAuthorizationSpecificationError as refused:
        raise ConfigError(f"DATABASE_URL is refused by the server: {refused}; check its user and password") from None
    except asyncpg.InvalidCatalogNameError as refused:
        raise ConfigError(f"DATABASE_URL is refused by the server: {refused}; create it: `createdb`") from None
    except asyncpg.InsufficientPrivilegeError as refused:
        role = role_of(service)
        raise ConfigError(
            f"DATABASE_URL's user may not make what {service} needs: {refused}; let an administrator run, in that "
            f"database: CREATE ROLE {role} NOLOGIN; GRANT {role} TO <user>; "
            f"CREATE SCHEMA {service} AUTHORIZATION {role};"
        ) from None


async def _make_room(connection: Connection, service: str) -> None:
    schema, role = _checked(service), role_of(_checked(service))
    if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role):
        # Roles belong to the server: a service of another database there may make the same one just now.
        with suppress(asyncpg.DuplicateObjectError, asyncpg.UniqueViolationError):
            await connection.execute(f"CREATE ROLE {role} NOLOGIN")
    # An administrator may have made all of it, for a user who may make nothing: then SET ROLE and the tables work.
    with suppress(asyncpg.InsufficientPrivilegeError):
        await connection.execute(f"GRANT {role} TO CURRENT_USER")
    if not await connection.fetchval("SELECT 1 FROM pg_namespace WHERE nspname = $1", schema):
        await connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema} AUTHORIZATION {role}")
    await connection.execute(f"SET ROLE {role}")
    await connection.execute(f"SET search_path TO {schema}")
    await connection.execute(_TABLE)


def _checked(service: str) -> str:
    # Names cannot be statement arguments: this is the only text that ever enters SQL, and it is a constant of ours.
    if not _SCHEMA.fullmatch(service):
        raise ConfigError(f"{service!r} is no schema name")
    return service


async def _applied(connection: Connection) -> dict[int, str]:
    rows = await connection.fetch("SELECT number, checksum FROM schema_migrations")
    return {row["number"]: row["checksum"] for row in rows}


def _missing(schema: str, wanted: list[Migration], applied: dict[int, str]) -> list[Migration]:
    for migration in wanted:
        if applied.get(migration.number, migration.checksum) != migration.checksum:
            raise SchemaBehind(
                f"schema {schema}: {migration.name} was changed after it was applied; restore it, and write a new one"
            )
    return [migration for migration in wanted if migration.number not in applied]


async def _apply(connection: Connection, migration: Migration) -> None:
    async with connection.transaction():
        await connection.execute(migration.sql)
        await connection.execute(
            "INSERT INTO schema_migrations (number, name, checksum) VALUES ($1, $2, $3)",
            migration.number,
            migration.name,
            migration.checksum,
        )
    log.info("migration.applied", name=migration.name)
