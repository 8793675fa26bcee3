"""The ledger against its oracle: any sequence of operations, replayed at will, gives what the oracle says."""

from __future__ import annotations

import asyncio
import json
import tempfile
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, ClassVar

from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.integration.billing.invariants import check
from tests.integration.billing.oracle import Oracle
from tests.integration.billing.world import World, open_world

AMOUNTS = st.integers(1, 120)
NEVER = 1e9

SIDES = """
    SELECT (SELECT jsonb_object_agg(source, available)::text FROM buckets WHERE account_id = $1) AS buckets,
           (SELECT jsonb_object_agg(run_id, held)::text FROM (
               SELECT run_id, sum(balance) AS held FROM holds WHERE account_id = $1 AND is_open GROUP BY run_id) AS h
           ) AS holds,
           (SELECT jsonb_object_agg(side, amount)::text FROM (
               SELECT s.side, sum(s.delta) AS amount FROM legs, LATERAL (VALUES
                   (CASE WHEN credit = 'revenue' THEN 'revenue' END, amount),
                   (CASE WHEN debit = 'revenue' THEN 'revenue' END, -amount),
                   (CASE WHEN credit = 'expired' THEN 'expired' END, amount),
                   (CASE WHEN debit IN ('llm_waste', 'writeoff') THEN debit END, amount)) AS s(side, delta)
               WHERE account_id = $1 AND s.side IS NOT NULL GROUP BY s.side) AS folded) AS sides
"""


class LedgerMachine(RuleBasedStateMachine):
    """One account of one world, driven step by step. Times are hours since the start."""

    url: ClassVar[str]
    operations: ClassVar[Counter[str]] = Counter()

    runs: Bundle[str] = Bundle("runs")
    posts: Bundle[str] = Bundle("posts")

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        directory = self.stack.enter_context(tempfile.TemporaryDirectory())
        self.world: World = self.run(self.stack.enter_async_context(open_world(self.url, Path(directory))))
        self.oracle = Oracle()
        self.hours = 0.0
        self.steps: Counter[str] = Counter()
        self.blocks: Counter[str] = Counter()
        self.refunds: Counter[str] = Counter()
        self.done: list[Callable[[], Awaitable[object]]] = []

    def run(self, work: Any) -> Any:
        return self.runner.run(work)

    def teardown(self) -> None:
        self.run(self.stack.aclose())
        self.runner.close()

    def perform(self, name: str, operation: Callable[[], Awaitable[Any]]) -> Any:
        """Does something that a replay may do again."""
        self.operations[name] += 1
        self.done.append(operation)
        return self.run(operation())

    @initialize(amount=AMOUNTS)
    def open_account(self, amount: int) -> None:
        self.account = self.run(self.world.wallet())
        self.grant(amount, None)

    @rule(amount=AMOUNTS, lasts=st.one_of(st.none(), st.integers(1, 48)))
    def grant(self, amount: int, lasts: int | None) -> None:
        number = len(self.oracle.expires)
        give = self.world.give
        self.perform("grant", lambda: give(self.account, amount, lasts, f"{number}"))
        self.oracle.grant(number, amount, self.hours + lasts if lasts else NEVER)

    @rule(target=runs, wanted=AMOUNTS, partial=st.booleans())
    def start_run(self, wanted: int, partial: bool) -> Any:
        run = str(uuid.uuid4())
        return run if self.place(run, wanted, 1 if partial else wanted) else multiple()

    @rule(run=runs, wanted=AMOUNTS)
    def extend(self, run: str, wanted: int) -> None:
        self.blocks[run] += 1
        self.place(run, wanted, wanted)

    def place(self, run: str, wanted: int, least: int) -> bool:
        block = self.blocks[run]
        is_open = block == 0 or run in self.oracle.holds
        expected = self.oracle.hold(run, wanted, least, self.hours) if is_open else 0

        async def hold() -> int:
            return (await self.world.hold(self.account, run, wanted, block=block, at_least=least)).held

        self.operations["hold"] += 1
        assert self.run(hold()) == expected
        if expected:
            self.done.append(hold)
        return bool(expected)

    @rule(target=posts, run=runs, amounts=st.lists(st.integers(0, 80), min_size=1, max_size=3), release=st.booleans())
    def settle(self, run: str, amounts: list[int], release: bool) -> Any:
        first = self.steps[run]
        self.steps[run] += len(amounts)
        self.perform("post", lambda: self.world.post(self.account, run, *amounts, step=first, release=release))
        keys = [f"post:{run}:{first + n}" for n in range(len(amounts))]
        for key, amount in zip(keys, amounts, strict=True):
            self.oracle.post(run, key, amount, self.hours)
        if release:
            self.oracle.release(run)
        return multiple(*keys)

    @rule(run=runs, amount=AMOUNTS)
    def waste(self, run: str, amount: int) -> None:
        step = self.steps[run]
        self.steps[run] += 1
        self.perform("waste", lambda: self.world.post(self.account, run, amount, step=step, wasted=True))
        self.oracle.waste(amount)

    @rule(run=consumes(runs))
    def void(self, run: str) -> None:
        self.perform("void", lambda: self.world.post(self.account, run, release=True))
        self.oracle.release(run)

    @rule(post=posts, amount=AMOUNTS)
    def refund(self, post: str, amount: int) -> None:
        self.refunds[post] += 1
        ordinal, now = self.refunds[post], self.world.clock.now()

        async def give_back() -> bool:
            return await self.world.ledger.refund(self.account, post, ordinal, amount, "body", now)

        self.operations["refund"] += 1
        made = self.run(give_back())
        assert made == self.oracle.refund(post, amount)
        if made:
            self.done.append(give_back)

    @rule(hours=st.integers(1, 30), sweep=st.booleans())
    def time_passes(self, hours: int, sweep: bool) -> None:
        self.hours += hours
        self.world.clock.advance(hours=hours)
        if sweep:
            self.operations["expire"] += 1
            self.run(self.world.ledger.expire(self.world.clock.now(), self.account))
            self.oracle.expire(self.hours)

    @precondition(lambda self: self.done)
    @rule(data=st.data())
    def replay(self, data: st.DataObject) -> None:
        for operation in data.draw(st.lists(st.sampled_from(self.done), max_size=8), label="replayed"):
            self.operations["replay"] += 1
            self.run(operation())

    @invariant()
    def agrees_with_the_oracle(self) -> None:
        row = self.run(self.world.database.fetchrow(SIDES, self.account))
        assert counted(row["buckets"]) == {str(n): a for n, a in self.oracle.available.items() if a}
        held = {run: sum(balance for _, balance in parts) for run, parts in self.oracle.holds.items()}
        assert counted(row["holds"]) == {run: balance for run, balance in held.items() if balance}
        assert counted(row["sides"]) == {side: amount for side, amount in self.oracle.sides.items() if amount}


def counted(text: str | None) -> dict[str, int]:
    return {name: amount for name, amount in json.loads(text or "{}").items() if amount}


def test_any_sequence_of_operations_agrees_with_the_oracle(database_url: str, tmp_path: Path) -> None:
    LedgerMachine.url = database_url
    run_state_machine_as_test(
        seed(20260101)(LedgerMachine),
        settings=settings(
            max_examples=120,
            stateful_step_count=30,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )

    assert min(LedgerMachine.operations[name] for name in ("hold", "post", "refund", "void", "expire", "replay")) > 20

    async def check_all() -> None:
        async with open_world(database_url, tmp_path) as world:
            await check(
                world.database, LedgerMachine.operations.total(), f"state machine {dict(LedgerMachine.operations)}"
            )

    asyncio.run(check_all())
