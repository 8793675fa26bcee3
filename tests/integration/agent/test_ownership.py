"""Who executes what: claims, take-overs, poison, and the clocks that they trust, against a real Postgres."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from services.agent.domain.operations import Swept
from services.agent.engine.endings import POISON, STOPPED
from services.agent.ports import Writes
from services.agent.storage.postgres.operations import PostgresOperations
from services.agent.storage.postgres.ownership import settled
from tests.integration.agent.stores import ENDED, RELEASE, TTL, Stores, fence, writes
from tests.unit.agent.records import started, step


async def test_a_claim_takes_only_the_heads_of_threads(stores: Stores) -> None:
    threads = [uuid4(), uuid4()]
    heads = {(await stores.admit(thread_id, 1)).run_id for thread_id in threads}
    for turn in (2, 3):
        for thread_id in threads:
            await stores.admit(thread_id, turn)
    claims = await stores.ownership.claim("w1", TTL, 16, steal=True)
    assert {mine.run_id for mine in claims} == heads
    assert await stores.ownership.claim("w1", TTL, 16, steal=True) == []
    first = claims[0]
    assert await stores.journal.finish_run(fence(first), STOPPED, Writes()) is True
    (following,) = await stores.ownership.claim("w1", TTL, 16, steal=True)
    assert (following.run.thread_id, following.run.turn) == (first.run.thread_id, 2)


async def test_claimers_at_once_never_get_the_same_run(stores: Stores) -> None:
    threads = [uuid4() for _ in range(15)]
    for turn in (1, 2):
        for thread_id in threads:
            await stores.admit(thread_id, turn)
    rounds = await asyncio.gather(*(stores.ownership.claim(f"w{n}", TTL, 3, steal=True) for n in range(20)))
    taken = [mine.run_id for claims in rounds for mine in claims]
    assert len(taken) == len(set(taken))
    assert {mine.run.turn for claims in rounds for mine in claims} == {1}
    assert await stores.value("SELECT count(*) FROM runs WHERE status = 'running'") == len(taken)
    assert await stores.value("SELECT max(epoch) FROM runs") == 1


async def test_an_orphan_is_taken_by_one_of_many(stores: Stores) -> None:
    await stores.claimed()
    await stores.expire()
    rounds = await asyncio.gather(*(stores.ownership.claim(f"w{n}", TTL, 3, steal=True) for n in range(20)))
    assert [mine.epoch for claims in rounds for mine in claims] == [2]


async def test_who_may_not_steal_takes_only_what_was_given_back(stores: Stores) -> None:
    mine = await stores.claimed()
    await stores.expire()
    assert await stores.ownership.claim("w2", TTL, 1, steal=False) == []
    await stores.ownership.release(fence(mine))
    (back,) = await stores.ownership.claim("w2", TTL, 1, steal=False)
    assert (back.epoch, back.attempt) == (2, 1)  # no attempt was burnt


async def test_a_run_that_was_claimed_five_times_in_vain_is_poison(stores: Stores) -> None:
    mine = await stores.claimed()
    for _ in range(4):
        await stores.expire()
        (mine,) = await stores.ownership.claim("w", TTL, 1, steal=True)
    assert mine.attempt == 5
    assert await stores.ownership.poisoned(16, TTL) == []  # its owner may still make it
    await stores.expire()
    assert await stores.ownership.claim("w", TTL, 1, steal=True) == []
    (run,) = await stores.ownership.poisoned(16, TTL)
    guard = fence(mine)
    assert (run.run_id, run.epoch) == (guard.run_id, guard.epoch)
    last = await stores.ownership.last_seq(guard)
    assert last is not None
    ended = await asyncio.gather(
        *(stores.ownership.end_poisoned(guard, last, POISON, ENDED, RELEASE, TTL) for _ in range(5))
    )
    assert sorted(ended) == [False] * 4 + [True]
    assert await stores.value("SELECT count(*) FROM events WHERE epoch = 6 AND n = 1") == 1
    assert await stores.value("SELECT status FROM runs") == "failed"
    letters = await stores.database.fetch("SELECT kind, attempts, state, error FROM dead_letters")
    assert [tuple(row) for row in letters] == [("run", 5, "dead", f"poison: {POISON.message}")]


SINCE_EVER = 1e9
"""A ttl, in seconds, that is longer than any server has been up."""


async def test_within_one_ttl_of_the_servers_start_nobody_is_taken_for_dead(stores: Stores) -> None:
    mine = await stores.claimed()
    await stores.expire()
    operations = PostgresOperations(stores.database)
    assert await stores.ownership.claim("w2", SINCE_EVER, 1, steal=True) == []
    assert await operations.sweep(SINCE_EVER) == Swept(orphaned=0, recovered=0, stuck=0)
    await stores.database.execute("UPDATE runs SET attempt = 5")
    assert await stores.ownership.poisoned(16, SINCE_EVER) == []
    last = await stores.ownership.last_seq(fence(mine))
    assert last is not None
    assert not await stores.ownership.end_poisoned(fence(mine), last, POISON, ENDED, RELEASE, SINCE_EVER)
    assert [run.run_id for run in await stores.ownership.poisoned(16, TTL)] == [mine.run_id]
    await stores.database.execute("UPDATE runs SET attempt = 1")
    assert await operations.sweep(TTL) == Swept(orphaned=1, recovered=1, stuck=0)


@pytest.mark.parametrize(
    ("started", "says_something"), [("-1 hour", True), ("-3 seconds", False), ("1 minute", True), ("1 hour", True)]
)
async def test_a_server_start_that_lies_ahead_is_a_clocks_that_was_put_back(
    stores: Stores, started: str, says_something: bool
) -> None:
    """Nobody waits for it."""
    predicate = settled("$1::float8", "(now() + $2::text::interval)")
    assert await stores.value(f"SELECT {predicate}", TTL, started) is says_something


async def test_a_lease_that_a_clock_gave_before_it_was_put_back_is_an_orphans_everywhere(stores: Stores) -> None:
    mine = await stores.claimed()
    operations = PostgresOperations(stores.database)
    owned = await operations.figures()
    assert (owned.owned, owned.orphaned, (await stores.runs.stats()).orphaned) == (1, 0, 0)
    await stores.database.execute("UPDATE runs SET lease_until = now() + interval '1 hour', attempt = 5")
    orphaned = await operations.figures()
    assert (orphaned.owned, orphaned.orphaned, (await stores.runs.stats()).orphaned) == (0, 1, 1)
    assert [run.reason for run in await operations.stuck(0, TTL, 9)] == ["lease_over"]
    assert [run.run_id for run in await stores.ownership.poisoned(16, TTL)] == [mine.run_id]
    await stores.database.execute("UPDATE runs SET attempt = 1")
    assert (await operations.sweep(TTL)).recovered == 1


async def test_nothing_is_put_off_for_as_long_as_tells_of_a_clock_that_was_put_back(stores: Stores) -> None:
    mine = await stores.claimed()
    await stores.journal.finish_run(fence(mine), STOPPED, writes(1))
    for attempts in (0, 1, 5, 1000):
        await stores.database.execute(
            "UPDATE outbox SET next_attempt_at = now() - interval '1 s', attempts = $1", attempts
        )
        assert await stores.outbox.due(100)
        assert await stores.value("SELECT max(next_attempt_at) < now() + interval '1 minute' FROM outbox")


async def test_a_result_makes_the_attempts_good(stores: Stores) -> None:
    mine = await stores.claimed()
    await stores.expire()
    (mine,) = await stores.ownership.claim("w", TTL, 1, steal=True)
    await stores.journal.begin_step(fence(mine), started(), b"hash", writes(1))
    assert await stores.value("SELECT attempt FROM runs") == 2
    await stores.journal.finish_step(fence(mine), step(), [], [], writes(2))
    assert await stores.value("SELECT attempt FROM runs") == 0
