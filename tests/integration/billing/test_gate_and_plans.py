"""The start gate, plans and their grants, and what the sweep ends."""

from __future__ import annotations

import uuid

import pytest

from services.billing.domain.history import Page
from services.billing.domain.money import MICRO
from services.billing.domain.prices import TokenUsage
from services.billing.errors import (
    AgentRunLimitExceeded,
    IdempotencyConflict,
    InsufficientCredits,
    ModelAccessDenied,
    NoOpenHold,
    UnknownModelPrice,
)
from services.kit.errors import InvalidArgument
from tests.integration.billing.world import World, usage_charge


def new_id() -> str:
    return str(uuid.uuid4())


async def test_a_new_account_starts_its_first_run_at_once(world: World) -> None:
    run = await world.authorize(world.start(new_id(), model="openai/some-model"))
    assert (run.held, run.price.version) == (50 * MICRO, "openai/*@1")


async def test_a_free_account_may_spend_its_weekly_credits_and_no_more(free_world: World) -> None:
    account = new_id()
    for _ in range(6):
        await free_world.authorize(free_world.start(account))
    with pytest.raises(InsufficientCredits) as refused:
        await free_world.authorize(free_world.start(account))
    assert (refused.value.http_status, refused.value.params) == (402, {"balance": 0, "required": 1})

    free_world.clock.advance(hours=169)
    assert (await free_world.authorize(free_world.start(account))).held == 50 * MICRO
    state = await free_world.refresh(account)
    assert state.balance.remaining["daily"] == (300 + 300) * MICRO


async def test_what_a_period_left_unspent_expires_with_it(free_world: World) -> None:
    account = new_id()
    await free_world.refresh(account)
    free_world.clock.advance(hours=3 * 168 + 1)
    state = await free_world.refresh(account)
    assert state.balance.total == 300 * MICRO
    assert [row["type"] for row in await shown(free_world, account)] == ["daily_grant", "expired", "daily_grant"]


async def shown(world: World, account: str) -> list[dict[str, object]]:
    """The account's entries, newest first."""
    entries = await world.books.list_entries(account, None, Page(100))
    return [{"type": entry.type, "amount": entry.amount, "after": entry.balance_after} for entry in entries]


async def test_a_run_takes_what_there_is_when_that_is_at_least_a_credit(free_world: World) -> None:
    account = new_id()
    for _ in range(5):
        await free_world.authorize(free_world.start(account))
    spender = free_world.start(account)
    await free_world.authorize(spender)
    usage = TokenUsage(prompt=0, completion=200_000)
    await free_world.settle(
        account, spender.run_id, spender.thread_id, [usage_charge(spender.run_id, 0, usage)], release=True
    )
    assert (await free_world.authorize(free_world.start(account))).held == 14 * MICRO


async def test_a_third_run_at_once_is_beyond_the_free_plan(free_world: World) -> None:
    start = free_world.start(new_id(), running=2)
    await free_world.refresh(start.account_id)
    with pytest.raises(AgentRunLimitExceeded) as refused:
        await free_world.authorize(start)
    assert refused.value.http_status == 402
    assert refused.value.params == {
        "running_thread_ids": start.running_thread_ids, "running_count": 2, "limit": 2,
    }  # fmt: skip


async def test_a_paid_model_is_denied_to_the_free_plan_alone(free_world: World, world: World) -> None:
    with pytest.raises(ModelAccessDenied) as refused:
        await free_world.authorize(free_world.start(new_id(), model="kortix/power"))
    assert (refused.value.http_status, refused.value.params["tier_name"]) == (402, "free")
    assert (await world.authorize(world.start(new_id(), model="kortix/power"))).held


async def test_an_unknown_model_is_refused_before_anything_is_held(world: World) -> None:
    start = world.start(new_id(), model="acme/unknown")
    with pytest.raises(UnknownModelPrice):
        await world.authorize(start)
    with pytest.raises(UnknownModelPrice):
        await world.price_book.current("acme/unknown")
    assert await world.database.fetchval("SELECT count(*) FROM transfers WHERE run_id = $1", start.run_id) == 0


async def test_a_start_is_the_same_run_when_repeated_and_refused_with_another_body(free_world: World) -> None:
    start = free_world.start(new_id())
    first = await free_world.authorize(start)
    again = free_world.start(start.account_id, start.run_id, running=5)
    assert await free_world.authorize(again) == first
    shouted = free_world.start(start.account_id, start.run_id.upper())
    assert (await free_world.authorize(shouted)).hold_id == first.hold_id
    with pytest.raises(IdempotencyConflict):
        await free_world.authorize(free_world.start(start.account_id, start.run_id, model="openai/other"))


async def test_local_credits_are_granted_again_when_less_than_half_is_left(world: World) -> None:
    account = new_id()
    await world.refresh(account)
    run = new_id()
    await world.post(account, run, 600_000 * MICRO)
    await world.authorize(world.start(account))
    state = await world.refresh(account)
    assert state.balance.total == (2 * 999_999 - 600_000) * MICRO
    assert await world.database.fetchval("SELECT count(*) FROM buckets WHERE account_id = $1", account) == 1


async def test_an_extension_holds_at_least_what_is_asked_for_or_nothing(free_world: World) -> None:
    start = free_world.start(new_id())
    await free_world.authorize(start)
    account, run = start.account_id, start.run_id
    assert await free_world.extend(account, run, 1, 10 * MICRO) == (f"hold:{run}:1", 50 * MICRO)
    assert await free_world.extend(account, run, 1, 11 * MICRO) == (f"hold:{run}:1", 50 * MICRO)
    assert await free_world.extend(account, run, 2, 180 * MICRO) == (f"hold:{run}:2", 180 * MICRO)
    with pytest.raises(InsufficientCredits):
        await free_world.extend(account, run, 3, 21 * MICRO)
    with pytest.raises(IdempotencyConflict):
        await free_world.extend(account, run, 1, 51 * MICRO)
    with pytest.raises(NoOpenHold):
        await free_world.extend(account, new_id(), 1, MICRO)


async def test_many_posts_consume_a_runs_holds_and_its_end_gives_the_rest_back(world: World) -> None:
    start = world.start(await world.wallet(200))
    account, run, thread = start.account_id, start.run_id, start.thread_id
    await world.authorize(start)
    charges = [usage_charge(run, step, TokenUsage(prompt=10_000, completion=1000)) for step in range(3)]
    amounts, held = await world.settle(account, run, thread, charges, release=False)
    assert (amounts, held) == ([780_000] * 3, 50 * MICRO - 3 * 780_000)
    last = usage_charge(run, 3, TokenUsage(prompt=1))
    assert await world.settle(account, run, thread, [last], release=True) == ([60], 0)


async def test_calls_far_below_a_cent_are_debited_to_the_microcredit(world: World) -> None:
    account = await world.wallet(200)
    start = world.start(account)
    await world.authorize(start)
    before = await world.available(account) + 50 * MICRO
    charges = [usage_charge(start.run_id, step, TokenUsage(prompt=1)) for step in range(100)]
    amounts, _ = await world.settle(account, start.run_id, start.thread_id, charges, release=True)
    assert amounts == [60] * 100
    assert await world.available(account) == before - 6000


async def test_a_charge_must_carry_its_own_runs_key_and_a_known_price(world: World) -> None:
    account, run = await world.wallet(10), new_id()
    with pytest.raises(InvalidArgument):
        await world.settle(account, new_id(), run, [usage_charge(run, 0, TokenUsage(1))], release=False)
    with pytest.raises(UnknownModelPrice):
        await world.settle(account, run, run, [usage_charge(run, 0, TokenUsage(1), "acme@1")], release=False)


async def test_forgotten_holds_end_an_hour_after_the_deadline(world: World) -> None:
    start = world.start(await world.wallet(200))
    await world.authorize(start)
    world.clock.advance(hours=1, minutes=59)
    await world.sweep()
    assert await world.available(start.account_id) == 150 * MICRO
    world.clock.advance(minutes=2)
    await world.sweep()
    await world.sweep()
    assert await world.available(start.account_id) == 200 * MICRO
    charge = usage_charge(start.run_id, 0, TokenUsage(0, 1000))
    await world.settle(start.account_id, start.run_id, start.thread_id, [charge], release=True)
    assert await world.available(start.account_id) == 200 * MICRO - 180_000
