"""The rows of executions under concurrent hands."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from services.kit.migrations import prepare_schema
from services.kit.postgres import Database, open_database
from services.tools.app import MIGRATIONS
from services.tools.config import Settings
from services.tools.domain.executions import Call, EncodedResult, ExecutionLostError
from services.tools.domain.task_list import TaskList
from services.tools.domain.tools import Json, Outcome
from services.tools.ports import Lease
from services.tools.storage.postgres import PostgresExecutions, PostgresTaskLists
from tests.support.harness import make_settings

ME, OTHER = Lease("me", 60), Lease("other", 60)
DEAD = Lease("dead", -1)
DONE = EncodedResult(Outcome.SUCCEEDED, "1", None)


@pytest.fixture
async def database(tmp_path: Path, database_url: str) -> AsyncIterator[Database]:
    settings = make_settings(Settings, tmp_path, database_url=database_url, mesh_sandbox_url="unused:1")
    await prepare_schema(settings, MIGRATIONS)
    async with open_database(settings) as opened:
        yield opened


@pytest.fixture
def store(database: Database) -> PostgresExecutions:
    return PostgresExecutions(database)


def new_call(epoch: int = 1, timeout_s: float = 60) -> Call:
    account_id, project_id, thread_id, run_id = (str(uuid.uuid4()) for _ in range(4))
    arguments: dict[str, Json] = {"text": "a"}
    return Call(f"{run_id}:1:0", epoch, "ask", arguments, account_id, project_id, thread_id, run_id, timeout_s)


async def test_of_concurrent_beginnings_one_makes_the_row(store: PostgresExecutions) -> None:
    call = new_call()
    rows = await asyncio.gather(*(store.begin(call, Lease(str(n), 60)) for n in range(20)))
    assert rows.count(None) == 1
    assert {row.owner for row in rows if row is not None} == {str(rows.index(None))}


async def test_concurrent_epochs_end_with_the_highest_and_none_is_told_less_than_its_own(
    store: PostgresExecutions,
) -> None:
    call = new_call(epoch=0)
    await store.begin(call, ME)
    epochs = [(7 * n) % 20 + 1 for n in range(20)]
    rows = await asyncio.gather(*(store.begin(replace(call, epoch=epoch), ME) for epoch in epochs))
    assert all(row is not None and row.epoch >= epoch for row, epoch in zip(rows, epochs, strict=True))
    final = await store.get(call.key)
    assert final is not None
    assert final.epoch == 20


async def test_another_request_does_not_raise_the_epoch(store: PostgresExecutions) -> None:
    call = new_call()
    await store.begin(call, ME)
    row = await store.begin(replace(call, arguments={"text": "b"}, epoch=9), OTHER)
    assert row is not None
    assert (row.epoch, row.request_hash) == (1, call.request_hash())


async def test_only_the_owner_finishes_remembers_and_renews(store: PostgresExecutions) -> None:
    call = new_call()
    await store.begin(call, ME)
    assert await store.finish(call.key, "other", DONE, "") is None
    with pytest.raises(ExecutionLostError):
        await store.remember(call.key, "other", "note")
    assert await store.renew([call.key], OTHER) == {}
    await store.remember(call.key, "me", "note")
    assert await store.renew([call.key], ME) == {call.key: False}
    await store.request_cancel(call.key)
    assert await store.renew([call.key], ME) == {call.key: True}
    stored = await store.finish(call.key, "me", DONE, "shown")
    row = await store.get(call.key)
    assert row is not None
    assert row.result == stored
    assert row.output == "shown"
    assert await store.finish(call.key, "me", DONE, "") is None


async def test_of_concurrent_claims_one_succeeds(store: PostgresExecutions) -> None:
    call = new_call()
    await store.begin(call, DEAD)
    row = await store.get(call.key)
    assert row is not None
    assert not row.owned
    claims = await asyncio.gather(*(store.claim(row, Lease(str(n), 60)) for n in range(10)))
    assert claims.count(True) == 1


async def test_overdue_rows_of_live_owners_are_left_alone(store: PostgresExecutions) -> None:
    live, dead, fresh = new_call(timeout_s=-10), new_call(timeout_s=-10), new_call()
    await store.begin(live, OTHER)
    await store.begin(dead, DEAD)
    await store.begin(fresh, DEAD)
    claimed = {row.key for row in await store.claim_overdue(ME, 5, 100)}
    assert dead.key in claimed
    assert not claimed & {live.key, fresh.key}


async def test_a_lease_from_before_the_clock_was_put_back_holds_nothing(store: PostgresExecutions) -> None:
    call = new_call(timeout_s=-10)
    await store.begin(call, Lease("dead", 3600))
    row = await store.get(call.key)
    assert row is not None
    assert not row.owned
    assert call.key in {row.key for row in await store.claim_overdue(ME, 5, 100)}


async def test_released_owner_is_no_owner(store: PostgresExecutions) -> None:
    call = new_call()
    await store.begin(call, Lease(call.key, 60))
    await store.release(call.key)
    row = await store.get(call.key)
    assert row is not None
    assert not row.owned


async def test_task_list_is_not_changed_by_who_lost_the_execution(
    store: PostgresExecutions, database: Database
) -> None:
    call, lists = new_call(), PostgresTaskLists(database)
    await store.begin(call, ME)
    with pytest.raises(ExecutionLostError):
        await lists.change(call.key, "other", call.account_id, call.thread_id, lambda tasks: (tasks, 1))
    first = await lists.change(call.key, "me", call.account_id, call.thread_id, lambda _: (TaskList(), 1))
    again = await lists.change(call.key, "me", call.account_id, call.thread_id, lambda _: (TaskList(), 2))
    assert (first, again) == (1, 1)


async def test_the_task_list_of_a_deleted_thread_goes_and_what_a_late_call_writes_goes_with_the_next_pruning(
    store: PostgresExecutions, database: Database
) -> None:
    early, lists = new_call(), PostgresTaskLists(database)
    late = replace(early, key=f"{early.run_id}:2:0")
    kept = "SELECT count(*) FROM task_lists WHERE thread_id = $1"
    for call, left in ((early, 0), (late, 1)):
        await store.begin(call, ME)
        await lists.change(call.key, "me", call.account_id, call.thread_id, lambda _: (TaskList(), 1))
        if call is early:
            await lists.forget([call.thread_id])
        assert await database.fetchval(kept, call.thread_id) == left
    await lists.prune(3600)
    assert await database.fetchval(kept, early.thread_id) == 0
    await lists.prune(0)
    assert await database.fetchval("SELECT count(*) FROM forgotten_threads") == 0
