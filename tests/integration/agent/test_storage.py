"""The statements that durability rests on, against a real Postgres."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from prometheus_client import REGISTRY

from services.agent.domain.journal import Journal
from services.agent.engine.endings import STOPPED
from services.agent.errors import Fenced, StopRequested
from services.agent.ports import Stamped, Writes
from services.agent.storage.postgres.operations import PostgresOperations
from services.agent.storage.postgres.outbox import PRUNE
from services.agent.storage.postgres.runs import ADMISSION, MOST_COUNTED
from tests.integration.agent.stores import TAKE, TTL, Stores, fence, writes
from tests.unit.agent.records import ACCOUNT_ID, call, claim, started, step


async def test_a_write_takes_its_numbers_from_the_fence(stores: Stores) -> None:
    mine = await stores.claimed()
    assert await stores.journal.begin_step(fence(mine), started(), b"hash", writes(1)) == 2
    assert await stores.journal.finish_step(fence(mine), step(), [], [], writes(2)) == 4
    rows = await stores.database.fetch("SELECT seq FROM events UNION ALL SELECT seq FROM outbox ORDER BY seq")
    assert [row["seq"] for row in rows] == [1, 2, 3, 4, 5, 6]


async def test_every_fenced_write_is_one_statement_and_one_commit(stores: Stores) -> None:
    await costs_of_writes(stores)  # a new connection asks for the types of parameters, once
    assert await costs_of_writes(stores) == [(1, 1)] * 5


async def costs_of_writes(stores: Stores) -> list[tuple[float, float]]:
    """Statements and commits of each fenced write of a run, one after the other."""
    mine = await stores.claimed()
    journal, guard, early = stores.journal, fence(mine), call(state="started")
    costs = []
    for write in (
        journal.begin_step(guard, started(), b"hash", writes(1)),
        journal.begin_calls(guard, [early], writes(2)),
        journal.finish_step(guard, step(), [early, call(1, 1, state="planned")], [], writes(3)),
        journal.finish_calls(guard, [call()], writes(4)),
        journal.finish_run(guard, STOPPED, writes(5)),
    ):
        statements, commits = sent()
        await write
        now = sent()
        costs.append((now[0] - statements, now[1] - commits))
    return costs


def sent() -> tuple[float, float]:
    """Statements and commits of this process so far."""
    names = ("mesh_pg_statements_total", "mesh_pg_commits_total")
    statements, commits = (REGISTRY.get_sample_value(name) or 0.0 for name in names)
    return statements, commits


async def test_a_run_that_a_newer_version_admitted_is_claimed_and_none_beside_it_is_lost(stores: Stores) -> None:
    newer = await stores.admit()
    await stores.database.execute("""UPDATE runs SET spec = spec || '{"effort": "high"}'""")
    older = await stores.admit()
    claims = await stores.ownership.claim("w1", TTL, 16, steal=False)
    assert {mine.run_id: mine.spec for mine in claims} == dict.fromkeys([newer.run_id, older.run_id], claim().spec)


async def test_an_owner_that_was_replaced_writes_nothing(stores: Stores) -> None:
    old = await stores.claimed()
    await stores.journal.begin_step(fence(old), started(), b"hash", writes(1))
    await stores.expire()
    (new,) = await stores.ownership.claim("w2", TTL, 1, steal=True)
    assert new.epoch == old.epoch + 1
    before = await stores.value("SELECT last_seq FROM runs")
    stale, journal = fence(old), stores.journal
    for late in (
        journal.begin_step(stale, started(2), b"hash", writes(2)),
        journal.begin_calls(stale, [call(state="started")], writes(2)),
        journal.finish_step(stale, step(), [call(state="planned")], [], writes(2)),
        journal.finish_calls(stale, [call()], writes(2)),
        journal.finish_run(stale, STOPPED, writes(2)),
    ):
        with pytest.raises(Fenced):
            await late
    assert await stores.value("SELECT last_seq FROM runs") == before
    assert await stores.value("SELECT count(*) FROM events WHERE epoch = 1") == 1
    assert await stores.value("SELECT count(*) FROM calls") == 0
    assert await stores.value("SELECT state FROM steps") == "started"
    await stores.ownership.release(stale)
    assert await stores.value("SELECT owner FROM runs") == "w2"


async def test_after_the_terminal_nothing_is_written(stores: Stores) -> None:
    mine = await stores.claimed()
    assert await stores.journal.finish_run(fence(mine), STOPPED, writes(1)) is False
    with pytest.raises(Fenced):
        await stores.journal.finish_run(fence(mine), STOPPED, writes(2))
    assert await stores.value("SELECT count(*) FROM events WHERE epoch = 1") == 1


async def test_after_a_stop_nothing_begins_and_what_began_may_finish(stores: Stores) -> None:
    mine = await stores.claimed()
    journal = stores.journal
    await journal.begin_step(fence(mine), started(), b"hash", writes(1))
    stopping = await stores.stop(mine.run_id)
    assert stopping is not None
    assert stopping.status == "running"
    with pytest.raises(StopRequested):
        await journal.begin_step(fence(mine), started(2), b"hash", writes(2))
    with pytest.raises(StopRequested):
        await journal.begin_calls(fence(mine), [call(state="started")], writes(2))
    await journal.finish_step(fence(mine), step(), [], [], writes(2))
    await journal.finish_run(fence(mine), STOPPED, writes(3))
    assert await stores.value("SELECT status FROM runs") == "stopped"


async def test_a_stop_that_meets_a_claim_is_not_lost(stores: Stores) -> None:
    run = await stores.admit()
    async with stores.database.transaction() as claiming:
        await claiming.execute(
            "UPDATE runs SET status = 'running', epoch = 1, owner = 'w' WHERE run_id = $1", run.run_id
        )
        stopping = asyncio.ensure_future(stores.stop(run.run_id))
        async with asyncio.timeout(10):
            while not await stores.value("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                await asyncio.sleep(0.01)
    answer = await stopping
    assert answer is not None
    assert answer.status == "running"
    assert await stores.value("SELECT stop_requested_at IS NOT NULL FROM runs")


async def test_a_journal_is_read_as_it_was_written(stores: Stores) -> None:
    mine = await stores.claimed()
    journal, guard = stores.journal, fence(mine)
    early, planned, dropped = (call(1, n, state="started", text_so_far="Hel") for n in range(3))
    await journal.begin_step(guard, started(), b"hash", Writes())
    await journal.begin_calls(guard, [early, dropped], Writes())
    done = step(1, finish_reason="tool_calls", reasoning="Hm", cost=7)
    await journal.finish_step(guard, done, [planned], [2], Writes())
    result = replace(early, state="done", success=True, output_json='{"a":1}', content="x")
    await journal.finish_calls(guard, [result], Writes())
    found = await journal.load(mine.run_id)
    blank: dict[str, Any] = {"success": None, "output_json": "null", "content": ""}
    assert found.steps == (done,)
    assert found.calls == (result, replace(planned, state="planned", **blank))
    assert [(row.seq, row.kind) for row in found.owed] == [(2, "messages")]
    assert await journal.load(uuid4()) == Journal()


async def test_what_is_overdue_comes_with_all_that_its_run_owes_and_is_put_off(stores: Stores) -> None:
    mine = await stores.claimed()
    await stores.journal.begin_step(fence(mine), started(), b"hash", writes(1))
    assert await stores.outbox.due(100) == []
    await stores.database.execute("UPDATE outbox SET next_attempt_at = now() - interval '1 s' WHERE seq = 2")
    assert [(due.row.seq, due.attempts) for due in await stores.outbox.due(100)] == [(2, 1), (4, 1)]
    assert await stores.outbox.due(100) == []
    await stores.outbox.mark_delivered([(mine.run_id, 2)])
    assert [row.seq for row in (await stores.journal.load(mine.run_id)).owed] == [4]


async def test_only_old_ended_runs_that_owe_nothing_are_pruned(stores: Stores) -> None:
    kept = [await left_behind(stores, name) for name in ("live", "fresh", "owing")]
    old = await left_behind(stores, "old")
    assert await stores.outbox.prune(30, 100) == 1
    for table in ("events", "steps", "calls", "outbox", "dead_letters"):
        left = await stores.database.fetch(f"SELECT DISTINCT run_id FROM {table}")
        assert {row["run_id"] for row in left} - {old} == set(kept), table
    of_old = "SELECT count(*) FROM {} WHERE run_id = $1"
    for table in ("steps", "calls", "outbox", "dead_letters"):
        assert await stores.value(of_old.format(table), old) == 0, table
    assert await stores.value("SELECT array_agg((epoch, n)) FROM events WHERE run_id = $1", old) == [(1, 3)]
    assert await stores.value("SELECT count(*) FROM runs") == 4
    assert await stores.outbox.prune(30, 100) == 0


async def left_behind(stores: Stores, name: str, letter: str = "discarded") -> UUID:
    """A run with a row in each table, that is what its name says."""
    mine = await stores.claimed()
    await stores.journal.begin_step(fence(mine), started(), b"hash", writes(1))
    await stores.journal.begin_calls(fence(mine), [call(state="started")], writes(2))
    await stores.outbox.refuse(mine.run_id, 6, "no", 1)
    await stores.database.execute("UPDATE dead_letters SET state = $1", letter)
    if name != "owing":
        await stores.outbox.mark_delivered([(mine.run_id, 2), (mine.run_id, 4)])
    if name != "live":
        await stores.journal.finish_run(fence(mine), STOPPED, Writes([Stamped(3, b"end")]))
    if name in ("owing", "old"):
        await stores.database.execute(
            "UPDATE runs SET completed_at = now() - interval '31 days' WHERE run_id = $1", mine.run_id
        )
    return mine.run_id


async def test_a_run_is_pruned_by_one_of_many_and_not_looked_at_again(stores: Stores) -> None:
    old = {await left_behind(stores, "old") for _ in range(3)}
    assert sum(await asyncio.gather(*(stores.outbox.prune(30, 2) for _ in range(4)))) == 3
    assert set(await stores.value("SELECT array_agg(run_id) FROM runs WHERE pruned_at IS NOT NULL")) == old
    async with stores.database.transaction() as connection:
        await connection.execute("SET LOCAL enable_seqscan = off")  # as in a table of some size
        plan = await connection.fetch(f"EXPLAIN {PRUNE.replace('$1', '30').replace('$2', '100')}")
    assert any("runs_unpruned" in row[0] for row in plan)


async def test_a_letter_that_outlived_its_run_goes_when_it_is_old_and_settled(stores: Stores) -> None:
    run_id = await left_behind(stores, "old", letter="dead")
    operations, letters = PostgresOperations(stores.database), "SELECT count(*) FROM dead_letters"
    await stores.outbox.prune(30, 100)
    assert await stores.outbox.prune_letters(30, 100) == 0
    await operations.retry(await stores.value("SELECT dead_letter_id FROM dead_letters"))
    await stores.database.execute("UPDATE dead_letters SET failed_at = now() - interval '31 days'")
    assert await stores.outbox.prune_letters(30, 100) == 0
    await stores.outbox.mark_delivered([(run_id, 6)])
    await stores.database.execute("UPDATE dead_letters SET failed_at = now() - interval '29 days'")
    assert await stores.outbox.prune_letters(30, 100) == 0
    assert (await stores.value(letters), await stores.value("SELECT count(*) FROM outbox")) == (1, 1)
    await stores.database.execute("UPDATE dead_letters SET failed_at = now() - interval '31 days'")
    assert await stores.outbox.prune_letters(30, 100) == 1
    assert (await stores.value(letters), await stores.value("SELECT count(*) FROM outbox")) == (0, 0)


async def test_an_interrupting_start_stops_the_active_run_in_the_statement_that_admits_it(stores: Stores) -> None:
    mine = await stores.claimed()
    await stores.admit(mine.run.thread_id, 2, "interrupt")
    assert await stores.value("SELECT stop_reason FROM runs WHERE turn = 1") == "interrupted"
    with pytest.raises(StopRequested, match="interrupted"):
        await stores.journal.begin_step(fence(mine), started(), b"hash", writes(1))
    assert await stores.journal.finish_run(fence(mine), STOPPED, writes(2)) is True
    (second,) = await stores.ownership.claim("w", TTL, 1, steal=False)
    assert (second.run.turn, second.stop_reason) == (2, None)


async def test_an_interrupting_start_stops_the_queued_head_where_nothing_is_active(stores: Stores) -> None:
    head = await stores.admit()
    await stores.admit(head.thread_id, 2)
    await stores.admit(head.thread_id, 3, "interrupt")
    assert await stores.value("SELECT array_agg(turn) FROM runs WHERE stop_reason = 'interrupted'") == [1]
    (mine,) = await stores.ownership.claim("w", TTL, 9, steal=False)
    assert (mine.run_id, mine.stop_reason) == (head.run_id, "interrupted")


async def test_a_head_that_is_claimed_as_it_is_interrupted_is_asked_to_stop(stores: Stores) -> None:
    head = await stores.admit()
    async with stores.database.transaction() as claiming:
        await claiming.execute(TAKE, head.run_id)
        admitting = asyncio.ensure_future(stores.admit(head.thread_id, 2, "interrupt"))
        async with asyncio.timeout(10):
            while not await stores.value("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                await asyncio.sleep(0.01)
    await admitting
    assert await stores.value("SELECT status || stop_reason FROM runs WHERE turn = 1") == "runninginterrupted"


async def test_a_run_that_ends_as_it_is_interrupted_ends_once_and_the_next_is_free(stores: Stores) -> None:
    for _ in range(20):
        mine = await stores.claimed()
        await asyncio.gather(
            stores.journal.finish_run(fence(mine), STOPPED, writes(1)),
            stores.admit(mine.run.thread_id, 2, "interrupt"),
        )
        with pytest.raises(Fenced):
            await stores.journal.finish_run(fence(mine), STOPPED, writes(2))
        assert await stores.value("SELECT count(*) FROM events WHERE run_id = $1 AND epoch = 1", mine.run_id) == 1
        assert await stores.value("SELECT status FROM runs WHERE run_id = $1", mine.run_id) == "stopped"
        (second,) = await stores.ownership.claim("w", TTL, 1, steal=False)
        assert (second.run.thread_id, second.run.turn, second.stop_reason) == (mine.run.thread_id, 2, None)


async def test_two_interrupting_starts_at_once_stop_the_active_run_and_not_each_other(stores: Stores) -> None:
    mine = await stores.claimed()
    await asyncio.gather(*(stores.admit(mine.run.thread_id, turn, "interrupt") for turn in (2, 3)))
    assert await stores.value("SELECT array_agg(turn) FROM runs WHERE stop_reason IS NOT NULL") == [1]


async def test_of_starts_that_would_rather_be_refused_one_gets_an_idle_thread(stores: Stores) -> None:
    thread_id = uuid4()
    starts = await asyncio.gather(*(stores.admit(thread_id, 1, "reject") for _ in range(5)), return_exceptions=True)
    assert sum(not isinstance(made, BaseException) for made in starts) == 1
    with pytest.raises(AssertionError):
        await stores.admit(thread_id, 2, "reject")
    await stores.admit(thread_id, 2, "enqueue")


async def test_whoever_refuses_a_row_learns_that_it_is_given_up_also_by_another(stores: Stores) -> None:
    run_id = (await stores.claimed()).run_id
    became = await asyncio.gather(*(stores.outbox.refuse(run_id, 2, "no", 1) for _ in range(5)))
    assert became == ["dead"] * 5
    assert await stores.value("SELECT count(*) FROM dead_letters") == 1
    assert await stores.outbox.refuse(run_id, 999, "no", 1) == "gone"


async def test_an_admission_counts_and_names_an_accounts_runs_as_far_as_a_plan_may_limit_them(stores: Stores) -> None:
    threads = {(await stores.admit()).thread_id for _ in range(MOST_COUNTED - 1)}
    active = (await stores.runs.admission(ACCOUNT_ID, uuid4(), None, None)).active
    assert active.count == MOST_COUNTED - 1
    assert set(active.thread_ids) == threads
    threads |= {(await stores.admit()).thread_id for _ in range(2)}
    active = (await stores.runs.admission(ACCOUNT_ID, uuid4(), None, None)).active
    assert active.count == MOST_COUNTED
    assert len(set(active.thread_ids)) == MOST_COUNTED
    assert threads > set(active.thread_ids)
    nobodys = await stores.runs.admission(uuid4(), uuid4(), None, None)
    assert (nobodys.active.count, nobodys.active.thread_ids) == (0, ())


async def test_an_admission_is_planned_once(stores: Stores) -> None:
    async with stores.database.transaction() as connection:
        statement = await connection.prepare(ADMISSION)
        for _ in range(8):
            await statement.fetch(uuid4(), uuid4(), None, None)
        kept = "SELECT generic_plans FROM pg_prepared_statements WHERE statement = $1"
        assert await connection.fetchval(kept, ADMISSION) == 3  # after the five by which Postgres decides
