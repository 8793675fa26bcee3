"""Many at once: on one wallet, on one key, on everything."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections import Counter
from collections.abc import Awaitable
from dataclasses import replace

import pytest

from services.billing.domain.money import MICRO
from services.billing.domain.prices import TokenUsage
from services.billing.errors import InsufficientCredits, NoOpenHold
from services.kit import postgres
from tests.integration.billing.invariants import check
from tests.integration.billing.world import World, usage_charge


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits for a connection is not turned away, on a slow machine either: what is tried here comes after that."""
    monkeypatch.setattr(postgres, "_ACQUIRE_S", 30.0)
    monkeypatch.setattr(postgres, "_CONNECT_S", 30.0)


async def test_of_64_holders_on_a_wallet_that_affords_11_exactly_11_succeed(world: World) -> None:
    for gift, buckets in ((110, 1), (22, 5)):
        account = await world.wallet(*[gift] * buckets, expire_in_hours=(9, 8, 7, 6, 5)[:buckets])
        answers = await asyncio.gather(*(world.hold(account, str(uuid.uuid4()), 10 * MICRO) for _ in range(64)))
        assert Counter(answer.held for answer in answers) == {10 * MICRO: 11, 0: 53}
        assert await world.available(account) == 0
    await check(world.database, 128, "64 holders, twice")


async def test_the_same_keys_100_times_in_parallel_are_one_row_each(world: World) -> None:
    account, run = await world.wallet(1000), str(uuid.uuid4())
    starts = await asyncio.gather(*(world.authorize(world.start(account, run)) for _ in range(100)))
    assert len(set(starts)) == 1
    charge = usage_charge(run, 0, TokenUsage(1000, 20))
    thread = world.start(account).thread_id
    await asyncio.gather(*(world.settle(account, run, thread, [charge], release=True) for _ in range(100)))
    rows = await world.database.fetch("SELECT kind FROM transfers WHERE run_id = $1 ORDER BY transfer_id", run)
    assert [row["kind"] for row in rows] == ["hold", "post", "void"]
    await check(world.database, 200, "one key 100 times")


async def test_the_first_start_of_a_new_account_is_one_hold_for_all_who_ask_at_once(free_world: World) -> None:
    for _ in range(20):
        account, run = str(uuid.uuid4()), str(uuid.uuid4())
        starts = await asyncio.gather(*(free_world.authorize(free_world.start(account, run)) for _ in range(5)))
        assert len(set(starts)) == 1
    await check(free_world.database, 100, "first starts of new accounts")


async def test_runs_grants_refunds_and_sweeps_at_once_neither_deadlock_nor_drift(world: World) -> None:
    """Runs of one account over several buckets, while others grant, expire, refund and sweep."""
    account = await world.wallet(300, 300, 300, 300, expire_in_hours=(None, 30, 20, 10))
    chance, operations = random.Random(64), Counter[str]()

    async def one_run(number: int) -> None:
        run = str(uuid.uuid4())
        if not (await world.hold(account, run, chance.randrange(1, 60) * MICRO, at_least=MICRO)).held:
            operations["refused"] += 1
            return
        for step in range(3):
            await asyncio.gather(
                world.hold(account, run, 5 * MICRO, block=step + 1),
                world.post(account, run, chance.randrange(9 * MICRO), step=step),
                world.post(account, run, release=step == 2 and number % 3 > 0),
            )
        await world.ledger.refund(account, f"post:{run}:0", 0, 1, "body", world.clock.now())
        operations["run"] += 1

    async def tend(number: int) -> None:
        world.clock.advance(minutes=chance.randrange(30))
        await world.give(account, 30 * MICRO, chance.randrange(1, 9), f"tended-{number}")
        await world.ledger.expire(world.clock.now())
        await world.sweep()
        operations["tended"] += 1

    room = asyncio.Semaphore(16)  # more would wait for a connection longer than the pool lets anybody

    async def in_turn(work: Awaitable[None]) -> None:
        async with room:
            await work

    work = [one_run(number) for number in range(120)] + [tend(number) for number in range(30)]
    chance.shuffle(work)
    await asyncio.gather(*map(in_turn, work))
    assert operations["run"] > 20
    await check(world.database, operations.total(), f"everything at once {dict(operations)}")


async def test_accounts_seen_first_by_many_are_granted_once(free_world: World) -> None:
    accounts = [str(uuid.uuid4()) for _ in range(5)]
    await asyncio.gather(*(free_world.refresh(account) for account in accounts * 10))
    granted = await free_world.database.fetch(
        "SELECT sum(granted)::bigint AS granted FROM buckets WHERE account_id = ANY($1::uuid[]) GROUP BY account_id",
        accounts,
    )
    assert [row["granted"] for row in granted] == [300 * MICRO] * 5


async def test_a_late_block_is_refused_once_the_run_was_released(world: World) -> None:
    account, run = await world.wallet(1000), str(uuid.uuid4())
    await world.authorize(world.start(account, run))

    async def extend(ordinal: int) -> str:
        try:
            await world.extend(account, run, ordinal, MICRO)
        except (NoOpenHold, InsufficientCredits) as refused:
            return refused.reason
        return "held"

    assert await extend(1) == "held"
    await world.settle(account, run, str(uuid.UUID(int=7)), [], release=True)
    assert await extend(1) == "held"
    assert await extend(2) == "NO_OPEN_HOLD"
    assert await world.available(account) == 1000 * MICRO


async def test_a_block_that_races_the_release_of_its_run_is_never_left_open(world: World) -> None:
    """Whichever comes first, the run holds nothing afterwards, and what came too late is told so."""
    account, chance = await world.wallet(1000, 1000), random.Random(15)
    for _ in range(100):
        run = str(uuid.uuid4())
        await world.hold(account, run, 10 * MICRO)

        async def at_some_time(act: Awaitable[object]) -> None:
            await asyncio.sleep(chance.random() * 0.003)
            await act

        blocks = [world.hold(account, run, 5 * MICRO, block=block) for block in (1, 2)]
        await asyncio.gather(*map(at_some_time, [*blocks, world.post(account, run, release=True)]))
        assert await world.database.fetchval("SELECT count(*) FROM holds WHERE run_id = $1 AND is_open", run) == 0
    await check(world.database, 300, "extend against release")


async def test_who_asks_again_is_told_that_the_hold_has_ended(world: World) -> None:
    account, run = await world.wallet(1000), str(uuid.uuid4())
    held = await world.authorize(world.start(account, run))
    assert await world.authorize(world.start(account, run)) == held
    assert not held.ended
    await world.post(account, run, release=True)
    assert await world.authorize(world.start(account, run)) == replace(held, ended=True)
