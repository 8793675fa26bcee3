"""The pool on a real server, and what it says when the server is away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

import asyncpg
import pytest

from services.kit.config import MeshSettings
from services.kit.migrations import migrate
from services.kit.postgres import (
    CheckViolation,
    Database,
    StorageConflict,
    StorageUnavailable,
    UniqueViolation,
    connect_once,
    neutral_errors,
    open_database,
)
from services.kit.telemetry import storage_metrics
from tests.support.harness import make_settings
from tests.support.postgres import EmbeddedPostgres

NO_MIGRATIONS = "tests.support"


class Settings(MeshSettings):
    """Of a service with a schema."""

    service: ClassVar[str] = "kitcheck"


@pytest.fixture
async def settings(own_database_url: str, tmp_path: Path) -> Settings:
    made = make_settings(Settings, tmp_path, database_url=own_database_url, mesh_database_pool=2)
    await migrate(made, NO_MIGRATIONS)
    return made


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator[Database]:
    async with open_database(settings) as opened:
        await opened.execute("CREATE TABLE things (id int PRIMARY KEY, size int CONSTRAINT positive CHECK (size > 0))")
        yield opened


async def test_a_connection_has_the_services_role_and_schema(database: Database) -> None:
    row = await database.fetchrow("SELECT current_user, current_schema(), current_setting('lock_timeout')")
    assert row is not None
    assert tuple(row) == ("mesh_kitcheck", "kitcheck", "3s")


async def test_json_is_text_both_ways(database: Database) -> None:
    assert await database.fetchval("SELECT $1::json", '{"b":1,"a":2}') == '{"b":1,"a":2}'


async def test_a_second_row_of_the_same_key_is_told_by_constraint(database: Database) -> None:
    await database.execute("INSERT INTO things VALUES (1, 1)")
    with pytest.raises(UniqueViolation) as refused:
        await database.execute("INSERT INTO things VALUES (1, 1)")
    assert refused.value.constraint == "things_pkey"


async def test_a_check_is_told_by_constraint(database: Database) -> None:
    with pytest.raises(CheckViolation) as refused:
        await database.execute("INSERT INTO things VALUES (2, 0)")
    assert refused.value.constraint == "positive"


async def test_a_failed_transaction_leaves_nothing(database: Database) -> None:
    async def insert_and_fail() -> None:
        async with database.transaction() as connection:
            await connection.execute("INSERT INTO things VALUES (3, 1)")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await insert_and_fail()
    assert await database.fetchval("SELECT count(*) FROM things") == 0


async def test_a_row_locked_by_another_is_a_conflict(database: Database, settings: Settings) -> None:
    await database.execute("INSERT INTO things VALUES (4, 1)")
    async with database.transaction() as holder:
        await holder.execute("UPDATE things SET size = 2")
        async with database.transaction() as waiter:
            await waiter.execute("SET LOCAL lock_timeout = '50ms'")
            with pytest.raises(StorageConflict), neutral_errors():
                await waiter.execute("UPDATE things SET size = 3")
            await waiter.execute("ROLLBACK")


async def test_no_round_trip_is_spent_on_resetting(database: Database) -> None:
    before = await _statements(database)
    for _ in range(5):
        await database.fetchval("SELECT 1")
    assert await _statements(database) - before == 6


async def _statements(database: Database) -> float:
    await database.fetchval("SELECT 1")
    await asyncio.sleep(0)
    return float(storage_metrics().statements._value.get())


async def test_commits_are_counted_and_reads_are_not(database: Database) -> None:
    commits = storage_metrics().commits._value
    before = commits.get()
    await database.fetchval("SELECT 1")
    await database.execute("INSERT INTO things VALUES (5, 1)")
    async with database.transaction() as connection:
        await connection.execute("INSERT INTO things VALUES (6, 1)")
        await connection.execute("INSERT INTO things VALUES (7, 1)")
    await asyncio.sleep(0)
    assert commits.get() - before == 2


async def test_an_exhausted_pool_answers_within_its_patience(database: Database) -> None:
    started = time.monotonic()
    async with database.connection(), database.connection():
        with pytest.raises(StorageUnavailable):
            await database.ping()
    assert time.monotonic() - started < 5


async def test_whoever_waits_for_a_connection_gets_the_next_that_is_free(database: Database) -> None:
    assert await asyncio.gather(*(database.fetchval("SELECT $1::int", n) for n in range(50))) == list(range(50))


async def test_a_connection_at_hand_that_was_lost_is_replaced(database: Database, own_database_url: str) -> None:
    async with database.connection() as connection:
        lost = await connection.fetchval("SELECT pg_backend_pid()")
    operator = await asyncpg.connect(own_database_url)
    await operator.execute("SELECT pg_terminate_backend($1)", lost)
    await operator.close()
    with suppress(asyncpg.InterfaceError):  # what the pool took back
        while not connection.is_closed():
            await asyncio.sleep(0.01)
    assert await database.fetchval("SELECT pg_backend_pid()") != lost


async def test_a_connection_that_may_only_read_is_away_and_not_used_again(database: Database) -> None:
    """After a failover it leads to the server that was, for as long as somebody uses it."""
    await database.execute("SET default_transaction_read_only = on")
    with pytest.raises(StorageUnavailable):
        await database.execute("INSERT INTO things VALUES (8, 1)")
    await database.execute("INSERT INTO things VALUES (8, 1)")


async def test_a_cancelled_statement_leaves_its_connection_usable(database: Database) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await database.execute("SELECT pg_sleep(30)")
    assert await database.fetchval("SELECT 1") == 1


async def test_a_single_connection_is_configured_alike(settings: Settings) -> None:
    connection = await connect_once(settings)
    assert await connection.fetchval("SELECT current_user") == "mesh_kitcheck"
    await connection.close()


async def test_a_server_that_died_is_unavailable_at_once_and_back_by_itself(
    private_postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    settings = make_settings(Settings, tmp_path, database_url=private_postgres.url())
    await migrate(settings, NO_MIGRATIONS)
    async with open_database(settings) as database:
        await database.ping()
        private_postgres.kill()
        for _ in range(3):
            started = time.monotonic()
            with pytest.raises(StorageUnavailable) as away:
                await database.ping()
            assert time.monotonic() - started < 2.5
        assert away.value.http_status == 503
        assert away.value.retry_after_s == 1
        private_postgres.start()
        await database.ping()
