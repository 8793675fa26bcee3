"""L1 to L12, one test each: the scenario that would break the invariant if anything could."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Awaitable, Callable
from functools import partial

import asyncpg
import pytest

from services.billing.domain.money import MICRO
from services.billing.domain.price_list import LIST_PRICES
from services.billing.domain.prices import Rates, TokenUsage
from services.billing.errors import IdempotencyConflict, InsufficientCredits
from services.kit.postgres import CheckViolation, ForeignKeyViolation
from tests.integration.billing.invariants import anomalies
from tests.integration.billing.world import VERSION, World, usage_charge


def new_run() -> str:
    return str(uuid.uuid4())


async def count_of(world: World, invariant: str) -> int:
    """How often the invariant is contradicted in the whole database."""
    found = await anomalies(world.database)
    return sum(count for name, count in found.items() if name.startswith(f"{invariant} "))


async def test_l1_debits_equal_credits_also_where_a_post_needs_every_source(world: World) -> None:
    """One post out of two buckets' holds, the wallet's rest and a write-off."""
    account, run = await world.wallet(10, 10, 5, expire_in_hours=(1, None, None)), new_run()
    await world.hold(account, run, 15 * MICRO)
    await world.post(account, run, 100 * MICRO)
    legs = await world.database.fetch(
        "SELECT debit, sum(amount)::bigint AS amount FROM legs"
        " WHERE account_id = $1 AND credit = 'revenue' GROUP BY debit",
        account,
    )
    assert {leg["debit"]: leg["amount"] for leg in legs} == {
        "hold": 15 * MICRO, "wallet": 10 * MICRO, "writeoff": 75 * MICRO,
    }  # fmt: skip
    assert await count_of(world, "L1") == 0


async def test_l2_a_bucket_is_the_fold_of_its_legs_and_entries_cannot_be_changed(world: World) -> None:
    account, run = await world.wallet(100), new_run()
    await world.hold(account, run, 60 * MICRO)
    await world.post(account, run, 20 * MICRO, release=True)
    assert await count_of(world, "L2") == 0
    for statement in ("UPDATE legs SET amount = 1", "DELETE FROM transfers", "TRUNCATE usage", "DELETE FROM legs"):
        with pytest.raises(CheckViolation):
            await world.database.execute(statement)


async def test_l3_available_never_falls_below_zero_under_any_interleaving(world: World) -> None:
    account = await world.wallet(30, 30)

    async def spend() -> None:
        run = new_run()
        await world.hold(account, run, 7 * MICRO)
        await world.post(account, run, 9 * MICRO, release=True)

    await asyncio.gather(*(spend() for _ in range(30)))
    assert await world.available(account) == 0
    assert await count_of(world, "L3") == 0
    with pytest.raises(CheckViolation):
        await world.database.execute("UPDATE buckets SET available = -1 WHERE account_id = $1", account)


async def test_l4_the_posts_of_a_hold_stay_within_it_and_it_ends_once(world: World) -> None:
    account, run = await world.wallet(100), new_run()
    await world.hold(account, run, 10 * MICRO)
    await asyncio.gather(*(world.post(account, run, 4 * MICRO, step=step, release=step > 2) for step in range(6)))
    assert await count_of(world, "L4") == 0
    assert await world.available(account) == 76 * MICRO
    voids = await world.database.fetchval("SELECT count(*) FROM transfers WHERE run_id = $1 AND kind = 'void'", run)
    assert voids == 1


async def test_l5_replaying_any_subset_in_any_order_gives_the_same_state(world: World) -> None:
    account, runs = await world.wallet(200), [new_run() for _ in range(4)]
    operations: list[Callable[[], Awaitable[object]]] = []
    for run in runs:
        operations += [
            partial(world.hold, account, run, 20 * MICRO),
            partial(world.hold, account, run, 5 * MICRO, block=1),
            partial(world.post, account, run, 3 * MICRO, 11 * MICRO),
            partial(world.post, account, run, MICRO, step=2, release=run in runs[:2]),
        ]
    for operation in operations:
        await operation()
    before = await state_of(world, account)
    chance = random.Random(5)
    for _ in range(20):
        replayed = chance.choices(operations, k=chance.randint(1, 12))
        await asyncio.gather(*(operation() for operation in replayed))
    assert await state_of(world, account) == before


async def state_of(world: World, account: str) -> list[tuple[object, ...]]:
    """Everything that an operation could have changed."""
    tables = {
        "transfers": "transfer_id, key, amount", "legs": "transfer_id, ordinal, debit, credit, bucket_id, amount",
        "buckets": "bucket_id, granted, available", "holds": "run_id, hold_id, bucket_id, balance, is_open",
        "usage": "transfer_id, cost",
    }  # fmt: skip
    return [
        tuple(row)
        for table, columns in tables.items()
        for row in await world.database.fetch(
            f"SELECT {columns} FROM {table} WHERE account_id = $1 ORDER BY 1, 2", account
        )
    ]


async def test_l6_what_was_granted_is_remaining_posted_expired_or_refunded(world: World) -> None:
    account, run = await world.wallet(50, 50, expire_in_hours=(2, None)), new_run()
    await world.hold(account, run, 60 * MICRO)
    await world.post(account, run, 55 * MICRO, release=True)
    now = world.clock.now()
    assert await world.ledger.refund(account, f"post:{run}:0", 0, 7 * MICRO, "body", now)
    assert not await world.ledger.refund(account, f"post:{run}:0", 1, 49 * MICRO, "body", now)
    await world.give(account, 5 * MICRO, 1, "late")
    world.clock.advance(hours=3)
    assert await world.ledger.expire(world.clock.now(), account) == 2
    assert await world.available(account) == 50 * MICRO
    assert await count_of(world, "L6") == 0


async def test_l7_the_balance_at_any_past_time_is_reproducible(world: World) -> None:
    account, seen = await world.wallet(100), []
    for number in range(8):
        run = new_run()
        await world.hold(account, run, 10 * MICRO)
        await world.post(account, run, number * MICRO, release=True)
        balance = await world.books.balance(account, "", world.clock.now())
        seen.append((world.clock.now(), balance.total))
        world.clock.advance(minutes=1)
    assert [await world.books.balance_at(account, moment) for moment, _ in seen] == [total for _, total in seen]
    assert seen[-1][1] == (100 - 28) * MICRO


async def test_l8_a_price_change_never_alters_a_past_post(own_world: World) -> None:
    account, run = await own_world.wallet(1000), new_run()
    usage = TokenUsage(prompt=12_345, completion=678, cached_read=45)
    before, _ = await own_world.settle(account, run, run, [usage_charge(run, 0, usage)], release=False)
    own_world.clock.advance(hours=1)
    dearer = Rates.in_dollars("9", "9")
    assert await own_world.prices.publish({"mock-ai": (dearer, dearer)}, own_world.clock.now()) == ["mock-ai@2"]
    own_world.clock.advance(hours=1)

    again, _ = await own_world.settle(account, run, run, [usage_charge(run, 0, usage)], release=False)
    pinned, _ = await own_world.settle(account, run, run, [usage_charge(run, 1, usage)], release=False)
    now, _ = await own_world.settle(account, run, run, [usage_charge(run, 2, usage, "mock-ai@2")], release=False)
    assert before == again == pinned != now
    assert (await own_world.price_book.current("mock-ai")).version == "mock-ai@2"
    with pytest.raises(CheckViolation):
        await own_world.database.execute("UPDATE price_versions SET input = 1 WHERE price_version = $1", VERSION)


async def test_l9_an_expired_bucket_is_never_spent(world: World) -> None:
    """Neither by a new hold, nor by a post that exceeds its hold; a hold made before may be used up."""
    account, run = await world.wallet(40, 10, expire_in_hours=(1, None)), new_run()
    await world.hold(account, run, 20 * MICRO)
    world.clock.advance(hours=2)
    assert (await world.hold(account, new_run(), 11 * MICRO)).held == 0
    await world.post(account, run, 25 * MICRO)
    assert await world.available(account) == 5 * MICRO
    await world.ledger.expire(world.clock.now(), account)
    expired = await world.database.fetchval(
        "SELECT sum(amount)::bigint FROM transfers WHERE account_id = $1 AND kind = 'expire'", account
    )
    assert expired == 20 * MICRO
    assert await count_of(world, "L9") == 0


async def test_l10_no_transfer_crosses_accounts(world: World) -> None:
    mine, other, run = await world.wallet(100), await world.wallet(100), new_run()
    await world.hold(mine, run, 50 * MICRO)
    await world.post(other, run, 10 * MICRO, release=True)
    assert await world.available(mine) == 50 * MICRO
    assert await world.available(other) == 90 * MICRO
    with pytest.raises(ForeignKeyViolation):
        await world.database.execute(
            "INSERT INTO legs (account_id, transfer_id, ordinal, debit, credit, bucket_id, amount)"
            " SELECT t.account_id, t.transfer_id, 9, 'grant_source', 'wallet', b.bucket_id, 1"
            " FROM transfers t, buckets b WHERE t.account_id = $1 AND b.account_id = $2 LIMIT 1",
            mine,
            other,
        )
    assert await count_of(world, "L10") == 0


async def test_l11_holds_never_exceed_what_is_available(world: World) -> None:
    account = await world.wallet(100)
    answers = await asyncio.gather(*(world.hold(account, new_run(), 30 * MICRO) for _ in range(10)))
    assert sum(answer.held for answer in answers) == 90 * MICRO
    assert await world.available(account) == 10 * MICRO
    assert await count_of(world, "L11") == 0


async def test_l12_the_invoice_is_the_ledger_less_margin_plus_waste(world: World) -> None:
    """The provider bills its list price for every call, those that we lost included."""
    account, run, chance = await world.wallet(1000), new_run(), random.Random(12)
    usages = [TokenUsage(chance.randrange(90_000), chance.randrange(9000), chance.randrange(5000)) for _ in range(40)]
    charges = [usage_charge(run, step, usage, wasted=step % 5 == 0) for step, usage in enumerate(usages)]
    await world.settle(account, run, run, charges, release=False)

    price = (await world.prices.versions([VERSION]))[VERSION]
    invoice = sum(price.listed.cost(usage) for usage in usages)
    margin = sum(price.billed.cost(u) - price.listed.cost(u) for step, u in enumerate(usages) if step % 5)
    row = await world.database.fetchrow(
        "SELECT sum(amount) FILTER (WHERE debit = 'llm_waste')::bigint AS waste,"
        " sum(amount) FILTER (WHERE debit <> 'llm_waste')::bigint AS billed FROM legs"
        " WHERE account_id = $1 AND credit = 'revenue'",
        account,
    )
    assert row is not None
    drift = row["billed"] - margin + row["waste"] - invoice
    print(f"\ninvoice {invoice}, billed {row['billed']}, margin {margin}, waste {row['waste']}: drift {drift}")
    assert drift == 0
    assert await world.available(account) == 1000 * MICRO - row["billed"]


async def test_the_same_key_with_another_body_is_refused_and_nothing_of_the_call_is_posted(world: World) -> None:
    account, run = await world.wallet(1000), new_run()
    await world.settle(account, run, run, [usage_charge(run, 0, TokenUsage(1000, 10))], release=False)
    before = await state_of(world, account)
    other = [usage_charge(run, 1, TokenUsage(5, 5)), usage_charge(run, 0, TokenUsage(1001, 10))]
    with pytest.raises(IdempotencyConflict) as refused:
        await world.settle(account, run, run, other, release=True)
    assert refused.value.params == {"key": f"post:{run}:0"}
    assert await state_of(world, account) == before


async def test_credits_that_expire_soonest_are_spent_first(world: World) -> None:
    account, run = await world.wallet(10, 10, 10, expire_in_hours=(None, 48, 24)), new_run()
    await world.hold(account, run, 25 * MICRO)
    rows = await world.database.fetch(
        "SELECT source, available FROM buckets WHERE account_id = $1 ORDER BY bucket_id", account
    )
    assert [row["available"] for row in rows] == [5 * MICRO, 0, 0]


async def test_a_refund_goes_back_to_the_bucket_that_paid(world: World) -> None:
    account, run = await world.wallet(10, 10, expire_in_hours=(24, None)), new_run()
    await world.post(account, run, 15 * MICRO)
    assert await world.ledger.refund(account, f"post:{run}:0", 0, 8 * MICRO, "body", world.clock.now())
    rows = await world.database.fetch("SELECT available FROM buckets WHERE account_id = $1 ORDER BY bucket_id", account)
    assert [row["available"] for row in rows] == [3 * MICRO, 10 * MICRO]


async def test_prices_of_one_model_do_not_overlap(world: World) -> None:
    with pytest.raises(asyncpg.ExclusionViolationError, match="price_versions_do_not_overlap"):
        await world.database.execute(
            "INSERT INTO price_versions SELECT 'twin', model_id, tstzrange(now(), NULL), list_input, list_output,"
            " list_cached_input, list_cache_write, input, output, cached_input, cache_write"
            " FROM price_versions WHERE price_version = 'openai/*@1'"
        )


async def test_the_price_list_is_published_once(world: World) -> None:
    assert await world.price_book.publish_list(120, with_mock=False) == []
    assert (await world.price_book.current("openai/anything-at-all")).version == "openai/*@1"
    assert len(LIST_PRICES) <= await world.database.fetchval("SELECT count(*) FROM priced_models")


async def test_a_process_whose_clock_is_behind_knows_the_first_prices(own_world: World) -> None:
    before, mine = await own_world.price_book.current("openai/x"), Rates.in_dollars("2", "4")
    own_world.clock.advance(hours=1)
    await own_world.price_book.publish_list(100, {"openai/*": mine}, with_mock=True)
    assert (await own_world.price_book.current("openai/x")).listed == mine
    own_world.clock.advance(hours=-2)
    assert await own_world.price_book.current("openai/x") == before


async def test_an_own_price_wins_over_the_list_and_its_familys(own_world: World) -> None:
    mine = Rates.in_dollars("2", "4")
    assert await own_world.price_book.publish_list(100, {"openai/mine": mine}, with_mock=True)
    assert (await own_world.price_book.current("openai/mine")).billed == mine


async def test_a_wallet_without_enough_for_a_second_block_refuses_it(world: World) -> None:
    account, run = await world.wallet(20), new_run()
    await world.hold(account, run, 15 * MICRO)
    with pytest.raises(InsufficientCredits) as refused:
        await world.extend(account, run, 1, 400 * MICRO)
    assert refused.value.params["required"] == 400
