"""What the simulation's model of Postgres and the real statements must both do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.agent.app import MIGRATIONS
from services.agent.config import Settings
from services.agent.domain.run import Claim, Run
from services.agent.engine.endings import POISON, STOPPED
from services.agent.errors import Fenced, StopRequested
from services.agent.ports import ChosenAgent, Fence, NewRun, Owed, Stamped, Writes
from services.agent.storage.postgres.events import PostgresEvents
from services.agent.storage.postgres.journal import PostgresJournal
from services.agent.storage.postgres.leases import PostgresLeases
from services.agent.storage.postgres.outbox import PostgresOutbox
from services.agent.storage.postgres.ownership import PostgresOwnership
from services.agent.storage.postgres.runs import PostgresRuns
from services.agent.stream.ids import parse_cursor
from services.agent.stream.ports import RunHead
from services.kit.migrations import prepare_schema
from services.kit.postgres import UniqueViolation, open_database
from tests.chaos.sim.tables import Tables
from tests.support.harness import make_settings
from tests.unit.agent.records import ACCOUNT_ID, call, claim, started

TTL = 1.0
LONGEST_TTL = next(bound.le for bound in Settings.model_fields["mesh_lease_ttl_s"].metadata if hasattr(bound, "le"))
ENDED, RELEASE = Stamped(1, b"ended"), Owed("charges", b"release")


class Memory:
    """The model, as ports have it."""

    def __init__(self) -> None:
        self._now = 1000.0
        self._tables = Tables(lambda: self._now)

    def __getattr__(self, name: str) -> Any:
        async def asked(*args: Any, **kwargs: Any) -> Any:
            return getattr(self._tables, name)(*args, **kwargs)

        return asked

    async def pass_leases(self) -> None:
        self._now += 2 * TTL

    async def pass_delivery(self) -> None:
        self._now += 4.0

    async def put_clock_back(self) -> None:
        self._now -= 3600


class Postgres:
    """The statements, as one store."""

    def __init__(self, database: Any, settings: Settings) -> None:
        stores = (PostgresRuns, PostgresOwnership, PostgresJournal, PostgresOutbox, PostgresEvents)
        self._database = database
        self._parts = [*(store(database) for store in stores), PostgresLeases(settings)]

    def __getattr__(self, name: str) -> Any:
        return next(getattr(part, name) for part in self._parts if hasattr(part, name))

    async def pass_leases(self) -> None:
        await self._database.execute("UPDATE runs SET lease_until = now() - interval '1 s' WHERE owner IS NOT NULL")

    async def pass_delivery(self) -> None:
        await self._database.execute("UPDATE outbox SET next_attempt_at = next_attempt_at - interval '4 s'")

    async def put_clock_back(self) -> None:
        await self._database.execute("UPDATE runs SET lease_until = lease_until + interval '1 hour'")
        await self._database.execute("UPDATE outbox SET next_attempt_at = next_attempt_at + interval '1 hour'")


@pytest.fixture(params=["memory", "postgres"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Any]:
    """Either of them, empty."""
    if request.param == "memory":
        yield Memory()
        return
    urls = {name: request.getfixturevalue(f) for name, f in (("database_url", "own_database_url"), ("redis_url",) * 2)}
    settings = make_settings(Settings, tmp_path, **urls)
    async with open_database(settings) as database:
        await prepare_schema(settings, MIGRATIONS)
        async with asyncio.timeout(10):  # nobody steals for one ttl after the server's start
            while not await database.fetchval("SELECT now() > pg_postmaster_start_time() + interval '1 s'"):
                await asyncio.sleep(0.1)
        yield Postgres(database, settings)


async def admit(store: Any, thread_id: UUID | None = None, turn: int = 1) -> UUID:
    """A queued run."""
    agent = ChosenAgent(uuid4(), uuid4(), None)
    new = NewRun(
        uuid4(), ACCOUNT_ID, thread_id or uuid4(), uuid4(), agent, turn, claim().spec, 60.0, b"", None, b"a", b"m"
    )
    await store.admit(new)
    return new.run_id


async def claimed(store: Any, owner: str = "w1") -> Claim:
    """A new run in its first owner's hands."""
    await admit(store)
    mine: Claim
    (mine,) = await store.claim(owner, TTL, 1, False)
    return mine


def fence(mine: Claim) -> Fence:
    return Fence(mine.run_id, mine.epoch, ACCOUNT_ID)


def writes(n: int = 1) -> Writes:
    return Writes([Stamped(n, b"event")], [Owed("messages", b"row")])


async def test_a_write_takes_its_numbers_from_the_fence(store: Any) -> None:
    mine = await claimed(store)
    assert await store.begin_step(fence(mine), started(1), b"", writes(1)) == 2
    assert await store.finish_step(fence(mine), started(1), [], [], writes(2)) == 4
    assert [(event.epoch, event.n) for event in await store.read(mine.run_id, (0, 0), 9)] == [(0, 1), (1, 1), (1, 2)]


async def test_an_event_s_id_is_written_once(store: Any) -> None:
    mine = await claimed(store)
    await store.begin_step(fence(mine), started(1), b"", writes(1))
    with pytest.raises(UniqueViolation):
        await store.finish_step(fence(mine), started(1), [], [], writes(1))
    assert await store.recorded(fence(mine), 1)
    assert not await store.recorded(fence(mine), 2)


async def test_a_live_owner_s_run_is_nobody_else_s(store: Any) -> None:
    mine = await claimed(store)
    assert await store.claim("w2", TTL, 1, True) == []
    assert await store.beat([(mine.run_id, 1)], TTL, 1.0) == {mine.run_id: None}


async def test_an_owner_that_was_replaced_writes_nothing(store: Any) -> None:
    mine = await claimed(store)
    await store.pass_leases()
    assert await store.claim("w2", TTL, 1, False) == []
    (theirs,) = await store.claim("w2", TTL, 1, True)
    assert (theirs.run_id, theirs.epoch, theirs.attempt) == (mine.run_id, 2, 2)
    for write in (
        store.begin_step(fence(mine), started(1), b"", writes()),
        store.begin_calls(fence(mine), [call(1, 0)], writes()),
        store.finish_step(fence(mine), started(1), [], [], writes()),
        store.finish_calls(fence(mine), [call(1, 0)], writes()),
        store.finish_run(fence(mine), STOPPED, writes()),
    ):
        with pytest.raises(Fenced):
            await write
    assert await store.beat([(mine.run_id, 1)], TTL, 1.0) == {}


async def test_what_was_given_back_is_free_at_once_and_burns_no_attempt(store: Any) -> None:
    mine = await claimed(store)
    await store.release(fence(mine))
    (theirs,) = await store.claim("w2", TTL, 1, False)
    assert (theirs.epoch, theirs.attempt) == (2, 1)


async def test_after_a_stop_nothing_begins_and_what_began_may_finish(store: Any) -> None:
    mine = await claimed(store)
    await store.begin_step(fence(mine), started(1), b"", writes(1))
    stopping: Run = await store.request_stop(mine.run_id, "user", ENDED, RELEASE)
    assert stopping.status == "running"
    with pytest.raises(StopRequested):
        await store.begin_calls(fence(mine), [call(1, 0)], writes(2))
    assert await store.beat([(mine.run_id, 1)], TTL, 1.0) == {mine.run_id: "user"}
    await store.finish_step(fence(mine), started(1), [], [], writes(2))
    await store.finish_run(fence(mine), STOPPED, writes(3))
    with pytest.raises(Fenced):
        await store.finish_run(fence(mine), STOPPED, writes(4))


async def test_a_lease_that_a_clock_gave_before_it_was_put_back_holds_nothing(store: Any) -> None:
    mine = await claimed(store)
    await store.put_clock_back()
    (theirs,) = await store.claim("w2", TTL, 1, True)
    assert (theirs.run_id, theirs.epoch) == (mine.run_id, 2)


async def test_the_longest_lease_that_may_be_set_holds_its_run(store: Any) -> None:
    await admit(store)
    assert await store.claim("w1", LONGEST_TTL, 1, False)
    assert await store.claim("w2", TTL, 1, True) == []


async def test_what_was_put_off_before_a_clock_was_put_back_is_due(store: Any) -> None:
    mine = await claimed(store)
    await store.put_clock_back()
    assert [(row.run_id, row.row.seq) for row in await store.due(9)] == [(mine.run_id, 2)]
    assert await store.due(9) == []


async def test_a_queued_run_is_ended_by_its_stop(store: Any) -> None:
    run_id = await admit(store)
    stopped: Run = await store.request_stop(run_id, "user", ENDED, RELEASE)
    assert (stopped.status, stopped.epoch) == ("stopped", 1)
    assert await store.claim("w1", TTL, 1, True) == []
    assert [(event.epoch, event.n) for event in await store.read(run_id, (0, 1), 9)] == [(1, 1)]


async def test_only_the_head_of_an_idle_thread_is_claimed(store: Any) -> None:
    thread_id = uuid4()
    first, second = await admit(store, thread_id, 1), await admit(store, thread_id, 2)
    (mine,) = await store.claim("w1", TTL, 9, True)
    assert mine.run_id == first
    assert await store.claim("w2", TTL, 9, True) == []
    assert await store.finish_run(fence(mine), STOPPED, writes())
    assert [claim.run_id for claim in await store.claim("w2", TTL, 9, True)] == [second]


async def test_a_result_makes_the_attempts_good_and_five_in_vain_are_poison(store: Any) -> None:
    mine = await claimed(store)
    await store.finish_step(fence(mine), started(1), [], [], writes())
    for attempt in (1, 2, 3, 4, 5):
        await store.pass_leases()
        (mine,) = await store.claim("w2", TTL, 1, True)
        assert mine.attempt == attempt
    assert await store.poisoned(9, TTL) == []
    await store.pass_leases()
    assert await store.claim("w2", TTL, 1, True) == []
    assert [run.run_id for run in await store.poisoned(9, TTL)] == [mine.run_id]
    last = await store.last_seq(fence(mine))
    assert not await store.end_poisoned(fence(mine), last - 1, POISON, ENDED, RELEASE, TTL)
    assert await store.end_poisoned(fence(mine), last, POISON, ENDED, RELEASE, TTL)
    assert not await store.end_poisoned(fence(mine), last, POISON, ENDED, RELEASE, TTL)
    assert (await store.get(mine.run_id)).status == "failed"


async def test_who_ends_a_run_from_outside_has_read_all_that_its_owner_wrote(store: Any) -> None:
    mine = await claimed(store)
    before = await store.last_seq(fence(mine))
    await store.begin_step(fence(mine), started(1), b"", writes(1))
    assert not await store.end(fence(mine), before, STOPPED, ENDED, RELEASE)
    assert (await store.get(mine.run_id)).status == "running"
    assert await store.end(fence(mine), await store.last_seq(fence(mine)), STOPPED, ENDED, RELEASE)
    assert await store.last_seq(fence(mine)) is None
    with pytest.raises(Fenced):
        await store.finish_step(fence(mine), started(1), [], [], writes(2))
    assert [(event.epoch, event.n) for event in await store.read(mine.run_id, (0, 1), 9)] == [(1, 1), (2, 1)]


async def test_a_journal_is_read_as_it_was_written(store: Any) -> None:
    mine = await claimed(store)
    await store.begin_step(fence(mine), started(1), b"", Writes())
    await store.begin_calls(fence(mine), [call(1, 0)], Writes())
    await store.finish_step(fence(mine), started(1), [call(1, 1), call(1, 2)], [0], Writes())
    journal = await store.load(mine.run_id)
    assert [(step.step_no, step.state) for step in journal.steps] == [(1, "done")]
    assert [(record.ordinal, record.state) for record in journal.calls] == [(1, "planned"), (2, "planned")]


async def test_how_far_a_stream_is_torn_only_grows(store: Any) -> None:
    mine = await claimed(store)
    assert await store.head(mine.run_id) == RunHead(1, ended=False)
    for place, then in (("1-20", "1-20"), ("1-7", "1-20"), ("2-1", "2-1"), ("1-30", "2-1")):
        await store.tear(mine.run_id, parse_cursor(place))
        assert await store.head(mine.run_id) == RunHead(1, ended=False, torn=parse_cursor(then))


async def test_what_is_overdue_comes_with_all_that_its_run_owes_and_is_put_off(store: Any) -> None:
    mine = await claimed(store)
    await store.finish_step(fence(mine), started(1), [], [], writes())
    assert await store.due(9) == []
    await store.pass_delivery()
    due = await store.due(9)
    assert [(row.run_id, row.row.seq) for row in due] == [(mine.run_id, 2), (mine.run_id, 4)]
    assert await store.due(9) == []
    await store.mark_delivered([(mine.run_id, 2)])
    assert [row.seq for row in (await store.load(mine.run_id)).owed] == [4]
