"""Postgres as a service sees it: a pool that fails fast, settings that keep no session hanging, and neutral errors.

Every connection has the service's role and search_path. What a driver raises ends here: storage code sees
`StorageUnavailable` or one of the violations. No state is left on a connection between uses (no session locks, no
LISTEN, no SET but the one of `by_account`, which the next use reads), which is why the pool may skip the reset round
trip.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, cast

import asyncpg

from services.kit.config import ConfigError, MeshSettings
from services.kit.context import current_call
from services.kit.errors import Unavailable
from services.kit.telemetry import storage_metrics

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]
    Pool = asyncpg.Pool[asyncpg.Record]
    Record = asyncpg.Record
else:
    Connection, Pool, Record = asyncpg.Connection, asyncpg.Pool, asyncpg.Record

_CONNECT_S = 1.0
_ACQUIRE_S = 1.0
_STATEMENT_S = 10.0
_CLOSE_S = 2.0
_AT_HAND = 4

_SESSION = {
    "statement_timeout": "10s",
    "lock_timeout": "3s",
    "idle_in_transaction_session_timeout": "5s",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "3",
    "tcp_keepalives_count": "3",
    "timezone": "UTC",
    # Plans of short statements: compiling them costs more than it saves.
    "jit": "off",
}


class StorageUnavailable(Unavailable):
    """Postgres is away, or does not answer in time."""

    reason = "STORAGE_UNAVAILABLE"
    default_message = "Storage is unavailable at the moment"


class UnforeseenFailure(StorageUnavailable):
    """Postgres refused for a reason that is no outage: a missing table, a privilege. All one can do is try again."""


class StorageConflict(Unavailable):
    """Another transaction was in the way (serialisation, deadlock, lock timeout): the whole may be tried again."""

    reason = "STORAGE_BUSY"
    default_message = "Storage is busy at the moment"


class ConstraintViolation(Exception):
    """A constraint refused the row; `constraint` is its name."""

    def __init__(self, constraint: str | None) -> None:
        super().__init__(constraint)
        self.constraint = constraint or ""


class UniqueViolation(ConstraintViolation):
    """The key exists."""


class ForeignKeyViolation(ConstraintViolation):
    """What the row refers to does not exist."""


class CheckViolation(ConstraintViolation):
    """A value is out of the column's bounds."""


class Database:
    """Statements on pooled connections, each its own commit. `timeout` is in seconds.

    A few connections that were used without an error stay at hand instead of going back to the pool while nobody waits
    there: taking and returning one costs as much as a short statement.
    """

    def __init__(self, connections: _Connections, *, by_account: bool = False) -> None:
        self._connections = connections
        self._by_account = by_account

    def by_account(self) -> Database:
        """The same connections; in a user's RPC they show row-level policies the user's account (`mesh.account_id`).

        It is the second line behind the account in each statement, for tables with such a policy. It costs a round trip
        whenever a connection goes from one account to another.
        """
        return Database(self._connections, by_account=True)

    async def fetch(self, sql: str, *args: object, timeout: float = _STATEMENT_S) -> list[Record]:
        """All rows."""
        async with self.connection() as connection:
            return await connection.fetch(sql, *args, timeout=timeout)

    async def fetchrow(self, sql: str, *args: object, timeout: float = _STATEMENT_S) -> Record | None:
        """The first row; None where there is none."""
        async with self.connection() as connection:
            return await connection.fetchrow(sql, *args, timeout=timeout)

    async def fetchval(self, sql: str, *args: object, timeout: float = _STATEMENT_S) -> Any:
        """The first column of the first row; None where there is none."""
        async with self.connection() as connection:
            return await connection.fetchval(sql, *args, timeout=timeout)

    async def execute(self, sql: str, *args: object, timeout: float = _STATEMENT_S) -> str:
        """The command's tag, e.g. `UPDATE 1`."""
        async with self.connection() as connection:
            return await connection.execute(sql, *args, timeout=timeout)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A transaction; await nothing but the connection inside."""
        async with self.connection() as connection, connection.transaction():
            yield connection

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """One connection for several statements, without a transaction."""
        rows_of = current_call().rows_of if self._by_account else ""
        with neutral_errors():
            connection = await self._connections.take(rows_of)
            try:
                if connection.rows_of != rows_of:
                    await connection.show_rows_of(rows_of)
                yield connection
            except BaseException as failed:
                if isinstance(failed, asyncpg.ReadOnlySQLTransactionError):
                    connection.terminate()  # it may lead to a server that another one took over from
                await self._connections.give_back(connection)  # which waits for the end of what was cancelled
                raise
            await self._connections.keep(connection)

    async def ping(self) -> None:
        """One round trip; StorageUnavailable where there is none."""
        await self.fetchval("SELECT 1", timeout=_CONNECT_S)


class _Connections:
    """A pool, and the few connections that stay at hand."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._at_hand: list[_Connection] = []
        self._waiting = 0

    async def take(self, rows_of: str) -> _Connection:
        """One at hand, that of this account first; else one of the pool's."""
        while self._at_hand:
            # One that was lost has no `rows_of` any more.
            shown = [getattr(connection, "rows_of", None) for connection in self._at_hand]
            connection = self._at_hand.pop(shown.index(rows_of) if rows_of in shown else -1)
            if _is_open(connection):
                return connection
            await self.give_back(connection)
        self._waiting += 1
        try:
            return cast(_Connection, await self._pool.acquire(timeout=_ACQUIRE_S))
        finally:
            self._waiting -= 1

    async def keep(self, connection: _Connection) -> None:
        """After a use without an error."""
        if self._waiting or len(self._at_hand) >= _AT_HAND:
            await self.give_back(connection)
        else:
            self._at_hand.append(connection)

    async def give_back(self, connection: _Connection) -> None:
        """To the pool."""
        await self._pool.release(cast(Any, connection))

    async def release(self) -> None:
        """Gives the pool back what is at hand, so that it can close."""
        while self._at_hand:
            await self.give_back(self._at_hand.pop())


@asynccontextmanager
async def open_database(settings: MeshSettings) -> AsyncIterator[Database]:
    """The service's pool. It connects when first used, so that a start does not depend on Postgres being there."""
    pool: Pool = await asyncpg.create_pool(
        dsn(settings),
        min_size=0,
        max_size=settings.mesh_database_pool,
        max_inactive_connection_lifetime=60.0,
        connection_class=_Connection,
        init=_count_statements,
        **_connect_arguments(settings),
    )
    connections = _Connections(pool)
    try:
        yield Database(connections)
    finally:
        with suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_S):
                await connections.release()
                await pool.close()


def _is_open(connection: Connection) -> bool:
    try:
        return not connection.is_closed()
    except asyncpg.InterfaceError:  # the pool took it back when it was lost
        return False


async def connect_once(settings: MeshSettings) -> Connection:
    """One configured connection outside the pool, on the running loop. The caller closes it, and translates what it
    raises by `neutral_errors`."""
    with neutral_errors():
        connection: Connection = await asyncpg.connect(dsn(settings), **_connect_arguments(settings))
    await _count_statements(connection)
    return connection


@contextmanager
def neutral_errors() -> Iterator[None]:
    """Turns what the driver raises inside into this module's errors."""
    try:
        yield
    except asyncpg.UniqueViolationError as refused:
        raise UniqueViolation(refused.constraint_name) from None
    except asyncpg.ForeignKeyViolationError as refused:
        raise ForeignKeyViolation(refused.constraint_name) from None
    except asyncpg.CheckViolationError as refused:
        raise CheckViolation(refused.constraint_name) from None
    except _IN_THE_WAY as busy:
        raise StorageConflict from busy
    except _AWAY as away:
        raise StorageUnavailable from away
    except asyncpg.InterfaceError as misuse:
        if "clos" in str(misuse):
            raise StorageUnavailable from misuse
        raise


@contextmanager
def outages() -> Iterator[None]:
    """`neutral_errors` for who can do nothing about any failure but try again: what is none of them is an
    `UnforeseenFailure`."""
    try:
        with neutral_errors():
            yield
    except (asyncpg.PostgresError, asyncpg.InterfaceError, ConstraintViolation) as refused:
        raise UnforeseenFailure from refused


_IN_THE_WAY = (
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.LockNotAvailableError,
)
_AWAY = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.ReadOnlySQLTransactionError,  # a failover, or a managed server whose storage is full
    asyncpg.PostgresSystemError,
    asyncpg.InternalServerError,
    asyncpg.StatementCompletionUnknownError,
    asyncpg.InternalClientError,  # the protocol's state while a server dies under it
)


def dsn(settings: MeshSettings) -> str:
    """The database's URL; ConfigError where none is set."""
    if settings.database_url is None:
        raise ConfigError("DATABASE_URL is not set: give a postgresql:// URL")
    return settings.database_url.get_secret_value()


def role_of(service: str) -> str:
    """The role that a service's connections take."""
    return f"mesh_{service}"


def _connect_arguments(settings: MeshSettings) -> dict[str, Any]:
    session = _SESSION | {
        "role": role_of(settings.service),
        "search_path": settings.service,
        "application_name": f"mesh.{settings.service}",
    }
    return {"timeout": _CONNECT_S, "command_timeout": _STATEMENT_S, "server_settings": session}


class _Connection(asyncpg.Connection):
    rows_of: str | None = ""
    """What `mesh.account_id` is on it; None: not known."""

    def get_reset_query(self) -> str:
        return ""

    async def show_rows_of(self, account_id: str) -> None:
        self.rows_of = None  # should this be cancelled between there and here
        await self.execute("SELECT set_config('mesh.account_id', $1, false)", account_id)
        self.rows_of = account_id


async def _count_statements(connection: Connection) -> None:
    metrics = storage_metrics()

    def count(logged: asyncpg.connection.LoggedQuery) -> None:
        kind = _kind(logged.query)
        if kind != "frame":
            metrics.statements.inc()
        if logged.exception is not None:
            return  # nothing was committed, and the connection may be gone
        if kind == "commit" or (kind == "write" and not connection.is_in_transaction()):
            metrics.commits.inc()

    connection.add_query_logger(count)


@lru_cache(maxsize=1024)
def _kind(sql: str) -> Literal["read", "write", "commit", "frame"]:
    first = sql.split(None, 1)[0].upper().rstrip(";")
    if first == "COMMIT":
        return "commit"
    if first in ("BEGIN", "ROLLBACK", "SAVEPOINT", "RELEASE"):
        return "frame"
    return "write" if _WRITES.search(sql) else "read"


_WRITES = re.compile(r"\b(INSERT|UPDATE|DELETE|MERGE|TRUNCATE)\b", re.IGNORECASE)
