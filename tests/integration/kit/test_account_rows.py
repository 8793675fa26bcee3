"""Row-level security (M4): what a user's RPC can touch, whatever a statement forgets to ask."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import asyncpg
import pytest

import services.agent.app
import services.billing.app
import services.threads.app
from services.kit import postgres
from services.kit.config import MeshSettings
from services.kit.context import NOBODY, CallContext, enter
from services.kit.migrations import migrate
from services.kit.postgres import Connection, Database, open_database
from tests.support.harness import make_settings

MINE, THEIRS = str(uuid.uuid4()), str(uuid.uuid4())
PRIVATE, PUBLIC, OWN = str(uuid.uuid4()), str(uuid.uuid4()), str(uuid.uuid4())

PROJECT = "INSERT INTO projects (project_id, account_id, name, is_public) VALUES ($1, $2, 'p', $3)"
THREAD = "INSERT INTO threads (thread_id, project_id, account_id) VALUES ($1, $1, $2)"
MESSAGE = (
    "INSERT INTO messages (message_id, thread_id, position, turn, type, is_llm_message, content, metadata)"
    " VALUES ($1, $2, $3, 1, 'user', true, '{}', '{}')"
)
WITH_AN_ACCOUNT = """
SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' AND a.attname = 'account_id'
"""
# Who may see a run is threads' to say, so that agent's own database cannot (docs/adr/0006).
BY_THREADS = {"runs", "outbox", "dead_letters"}


class ThreadsSettings(MeshSettings):
    """Of the schema `threads`."""

    service: ClassVar[str] = "threads"


class BillingSettings(MeshSettings):
    """Of the schema `billing`."""

    service: ClassVar[str] = "billing"


class AgentSettings(MeshSettings):
    """Of the schema `agent`."""

    service: ClassVar[str] = "agent"


MIGRATIONS: dict[type[MeshSettings], str] = {
    ThreadsSettings: services.threads.app.MIGRATIONS,
    BillingSettings: services.billing.app.MIGRATIONS,
    AgentSettings: services.agent.app.MIGRATIONS,
}


@contextmanager
def rpc_of(account_id: str) -> Iterator[None]:
    """What the chain enters for a user's call."""
    token = enter(CallContext(rows_of=account_id))
    try:
        yield
    finally:
        token.var.reset(token)


@pytest.fixture(params=MIGRATIONS)
async def migrated(request: pytest.FixtureRequest, own_database_url: str, tmp_path: Path) -> AsyncIterator[Database]:
    """A service's own tables, as its user's RPCs see them."""
    settings = make_settings(request.param, tmp_path, database_url=own_database_url, mesh_database_pool=2)
    await migrate(settings, MIGRATIONS[request.param])
    async with open_database(settings) as database:
        yield database.by_account()


@pytest.fixture
async def threads(own_database_url: str, tmp_path: Path) -> AsyncIterator[Database]:
    """Three projects with a thread and a message each: mine, another's, and another's that is public."""
    settings = make_settings(ThreadsSettings, tmp_path, database_url=own_database_url, mesh_database_pool=2)
    await migrate(settings, services.threads.app.MIGRATIONS)
    async with open_database(settings) as database:
        for project, account in ((OWN, MINE), (PRIVATE, THEIRS), (PUBLIC, THEIRS)):
            await database.execute(PROJECT, project, account, project == PUBLIC)
            await database.execute(THREAD, project, account)
            await database.execute(MESSAGE, str(uuid.uuid4()), project, 1)
        for account in (MINE, THEIRS):
            await database.execute("INSERT INTO usage VALUES ($1, 1, 1)", account)
        yield database.by_account()


async def seen(database: Database, table: str, column: str) -> set[str]:
    """That column of every row that a statement without any condition shows."""
    return {str(row[0]) for row in await database.fetch(f"SELECT {column} FROM {table}")}


async def test_every_table_with_an_account_has_a_policy(migrated: Database) -> None:
    tables = {row[0]: row[1] for row in await migrated.fetch(WITH_AN_ACCOUNT)}
    assert tables
    assert {name for name, guarded in tables.items() if not guarded} == BY_THREADS & set(tables)


@pytest.mark.parametrize("table", ["projects", "threads", "messages"])
async def test_a_user_sees_what_is_own_or_public(threads: Database, table: str) -> None:
    column = "project_id" if table == "projects" else "thread_id"
    with rpc_of(MINE):
        assert await seen(threads, table, column) == {OWN, PUBLIC}
    with rpc_of(THEIRS):
        assert await seen(threads, table, column) == {PRIVATE, PUBLIC}
    with rpc_of(NOBODY):
        assert await seen(threads, table, column) == {PUBLIC}
    assert await seen(threads, table, column) == {OWN, PRIVATE, PUBLIC}


async def test_counts_are_nobody_elses(threads: Database) -> None:
    with rpc_of(MINE):
        assert await seen(threads, "usage", "account_id") == {MINE}
    with rpc_of(NOBODY):
        assert await seen(threads, "usage", "account_id") == set()


@pytest.mark.parametrize("table", ["projects", "threads", "messages"])
@pytest.mark.parametrize("act", ["UPDATE {} SET updated_at = now()", "DELETE FROM {}"])
async def test_a_user_changes_what_is_own(threads: Database, table: str, act: str) -> None:
    await threads.execute("DELETE FROM search_state")
    with rpc_of(NOBODY):
        assert (await threads.execute(act.format(table))).endswith(" 0")
    whole = table == "messages" or act.startswith("UPDATE")  # else rows that refer to it keep it
    with rpc_of(MINE):
        if whole:
            assert (await threads.execute(act.format(table))).endswith(" 1")


async def test_a_user_adds_nothing_to_others(threads: Database) -> None:
    for statement, values in (
        (PROJECT, (str(uuid.uuid4()), THEIRS, False)),
        (MESSAGE, (str(uuid.uuid4()), PRIVATE, 2)),
        (MESSAGE, (str(uuid.uuid4()), PUBLIC, 2)),
    ):
        with rpc_of(MINE), pytest.raises(asyncpg.InsufficientPrivilegeError):
            await threads.execute(statement, *values)
    with rpc_of(MINE):
        await threads.execute(MESSAGE, str(uuid.uuid4()), OWN, 2)


async def test_a_connection_never_keeps_the_account_before(threads: Database) -> None:
    for _ in range(20):
        for account, count in ((MINE, 1), (THEIRS, 1), (NOBODY, 0)):
            with rpc_of(account):
                assert len(await seen(threads, "usage", "account_id")) == count
        assert len(await seen(threads, "usage", "account_id")) == 2


async def test_a_connection_whose_account_is_not_known_is_told_again(
    threads: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def answered_too_late(connection: Connection, *args: Any) -> None:
        await execute(connection, *args)
        raise asyncio.CancelledError

    execute: Any = asyncpg.Connection.execute
    await seen(threads, "usage", "account_id")
    with monkeypatch.context() as patched:
        patched.setattr(postgres._Connection, "execute", answered_too_late, raising=False)
        with rpc_of(MINE), pytest.raises(asyncio.CancelledError):
            await seen(threads, "usage", "account_id")
    for _ in range(3):  # whichever connection it is
        assert len(await seen(threads, "usage", "account_id")) == 2


async def test_only_a_view_by_account_is_bounded(threads: Database, own_database_url: str, tmp_path: Path) -> None:
    settings = make_settings(ThreadsSettings, tmp_path, database_url=own_database_url)
    async with open_database(settings) as whole:
        with rpc_of(MINE):
            assert len(await seen(whole, "usage", "account_id")) == 2
            assert len(await seen(whole.by_account(), "usage", "account_id")) == 1
            assert len(await seen(whole, "usage", "account_id")) == 2
