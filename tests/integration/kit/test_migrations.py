"""Files applied once, in order, by one at a time, and never changed."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest
from pydantic import SecretStr

from services.kit.config import ConfigError, MeshSettings
from services.kit.migrations import SchemaBehind, migrate, migrations_in, prepare_schema, require_current
from tests.support.harness import make_settings
from tests.support.postgres import EmbeddedPostgres

FIRST, SECOND = "CREATE TABLE a (id int);", "ALTER TABLE a ADD COLUMN b int;"


class Settings(MeshSettings):
    """Of a service with a schema."""

    service: ClassVar[str] = "kitcheck"


class Package:
    """A package of SQL files that tests write."""

    name = "mesh_test_migrations"

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def write(self, name: str, sql: str) -> None:
        (self.directory / name).write_text(sql)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Package]:
    directory = tmp_path / Package.name
    directory.mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    yield Package(directory)
    sys.modules.pop(Package.name, None)


@pytest.fixture
def settings(own_database_url: str, tmp_path: Path) -> Settings:
    return make_settings(Settings, tmp_path, database_url=own_database_url)


async def test_missing_files_are_applied_in_order_and_once(package: Package, settings: Settings) -> None:
    package.write("0001_create_a.sql", FIRST)
    assert await migrate(settings, Package.name) == ["0001_create_a.sql"]
    package.write("0002_add_b.sql", SECOND)
    assert await migrate(settings, Package.name) == ["0002_add_b.sql"]
    assert await migrate(settings, Package.name) == []


async def test_tables_belong_to_the_services_role(
    package: Package, settings: Settings, postgres: EmbeddedPostgres
) -> None:
    package.write("0001_create_a.sql", FIRST)
    await migrate(settings, Package.name)
    assert settings.database_url is not None
    connection = await asyncpg.connect(settings.database_url.get_secret_value())
    owner = await connection.fetchval("SELECT tableowner FROM pg_tables WHERE schemaname = 'kitcheck' LIMIT 1")
    await connection.close()
    assert owner == "mesh_kitcheck"


async def test_a_changed_file_is_refused(package: Package, settings: Settings) -> None:
    package.write("0001_create_a.sql", FIRST)
    await migrate(settings, Package.name)
    package.write("0001_create_a.sql", FIRST + " -- and more")
    with pytest.raises(SchemaBehind, match=r"0001_create_a\.sql was changed"):
        await migrate(settings, Package.name)


async def test_a_failing_file_leaves_nothing_behind(package: Package, settings: Settings) -> None:
    package.write("0001_create_a.sql", FIRST)
    package.write("0002_fail.sql", "CREATE TABLE half (id int); SELECT 1/0;")
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(settings, Package.name)
    package.write("0002_fail.sql", "CREATE TABLE half (id int);")
    assert await migrate(settings, Package.name) == ["0002_fail.sql"]


async def test_many_starting_at_once_apply_each_file_once(package: Package, settings: Settings) -> None:
    package.write("0001_create_a.sql", FIRST)
    applied = await asyncio.gather(*(migrate(settings, Package.name) for _ in range(6)))
    assert sorted(applied, key=len) == [[], [], [], [], [], ["0001_create_a.sql"]]


async def test_elsewhere_a_service_that_is_behind_does_not_start(
    package: Package, settings: Settings, tmp_path: Path
) -> None:
    package.write("0001_create_a.sql", FIRST)
    production = settings.model_copy(update={"env_mode": "production"})
    with pytest.raises(SchemaBehind, match="run `mesh migrate` first"):
        await prepare_schema(production, Package.name)
    await migrate(production, Package.name)
    await require_current(production, Package.name)


def another(settings: Settings, *, user: str = "", database: str = "") -> Settings:
    """The same server, with another user or another database."""
    assert settings.database_url is not None
    url = urlsplit(settings.database_url.get_secret_value())
    there = url._replace(netloc=f"{user}@" if user else url.netloc, path=f"/{database}" if database else url.path)
    return settings.model_copy(update={"database_url": SecretStr(there.geturl())})


async def test_a_database_that_does_not_exist_is_said_in_a_sentence(package: Package, settings: Settings) -> None:
    with pytest.raises(ConfigError, match='DATABASE_URL is refused by the server: database "nowhere" does not exist'):
        await migrate(another(settings, database="nowhere"), Package.name)


async def test_a_password_that_breaks_the_url_is_said_and_not_repeated(package: Package, settings: Settings) -> None:
    broken = settings.model_copy(update={"database_url": SecretStr("postgresql://me:hunter#2@h/d")})
    with pytest.raises(ConfigError, match="DATABASE_URL can not be read") as refused:
        await migrate(broken, Package.name)
    assert "hunter" not in str(refused.value)


async def test_a_user_who_is_not_known_is_said_in_a_sentence(package: Package, settings: Settings) -> None:
    with pytest.raises(ConfigError, match=r"DATABASE_URL is refused by the server: .*check its user and password"):
        await migrate(another(settings, user="nobody_knows"), Package.name)


async def test_a_user_without_rights_is_told_what_an_administrator_does_and_then_it_works(
    package: Package, settings: Settings, postgres: EmbeddedPostgres
) -> None:
    package.write("0001_create_a.sql", FIRST)
    role = f"guest_{uuid4().hex[:8]}"
    postgres.run_sql(f"CREATE ROLE {role} LOGIN")
    guest = another(settings, user=role)
    with pytest.raises(ConfigError, match="user may not make what kitcheck needs") as refused:
        await migrate(guest, Package.name)

    advice = str(refused.value).partition("in that database: ")[2].replace("<user>", role)
    known = postgres.run_sql("SELECT 1 FROM pg_roles WHERE rolname = 'mesh_kitcheck'")
    own = urlsplit(guest.database_url.get_secret_value()).path[1:] if guest.database_url else ""
    postgres.run_sql(advice.replace("CREATE ROLE mesh_kitcheck NOLOGIN;", "") if known else advice, own)
    assert await migrate(guest, Package.name) == ["0001_create_a.sql"]


@pytest.mark.parametrize("name", ["1_create.sql", "0001-create.sql", "0002_skips_one.sql"])
def test_a_misnamed_file_is_refused(package: Package, name: str) -> None:
    package.write(name, FIRST)
    with pytest.raises(ConfigError):
        migrations_in(Package.name)
