"""All that is due goes in one round, in batches between which others have their turn."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from services.agent.use_cases.prune import BATCH, INTERVAL_S, Prune
from services.kit.errors import Unavailable
from services.kit.tasks import Supervisor
from tests.support.virtual_loop import VirtualLoop

DAYS = 30.0


class Rows:
    """What is old enough to go."""

    def __init__(self, runs: int = 0, letters: int = 0) -> None:
        self.runs, self.letters = runs, letters
        self.looks: list[float] = []
        self.away = False

    async def prune(self, retention_days: float, limit: int) -> int:
        assert retention_days == DAYS
        self.looks.append(asyncio.get_running_loop().time())
        if self.away:
            raise Unavailable
        gone, self.runs = min(self.runs, limit), max(self.runs - limit, 0)
        return gone

    async def prune_letters(self, retention_days: float, limit: int) -> int:
        assert retention_days == DAYS
        gone, self.letters = min(self.letters, limit), max(self.letters - limit, 0)
        return gone


class Reports:
    """What processes reported."""

    async def prune(self, older_than_s: float) -> None:
        assert older_than_s > 0


def pruning(rows: Rows, while_it_runs: Callable[[], Awaitable[None]]) -> None:
    """Prunes in virtual time."""

    async def prune() -> None:
        outbox: Any = rows
        operations: Any = Reports()
        async with Supervisor() as tasks:
            tasks.start("prune", Prune(outbox, operations, DAYS).run)
            await while_it_runs()

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(prune())


def one_round(rows: Rows) -> None:
    """The first round, and no second: there are at least five minutes between two."""

    async def round_and_no_more() -> None:
        while not rows.looks:
            await asyncio.sleep(1)
        await asyncio.sleep(0.4 * INTERVAL_S)

    pruning(rows, round_and_no_more)


def test_a_round_ends_when_nothing_old_is_left() -> None:
    rows = Rows(runs=5 * BATCH + 3, letters=2 * BATCH + 1)
    one_round(rows)
    assert (rows.runs, rows.letters) == (0, 0)


def test_others_have_their_turn_between_two_batches() -> None:
    rows = Rows(runs=3 * BATCH)
    one_round(rows)
    assert len(rows.looks) == 4
    assert all(earlier < later for earlier, later in zip(rows.looks, rows.looks[1:], strict=False))


def test_a_round_that_finds_nothing_is_one_look() -> None:
    rows = Rows()
    one_round(rows)
    assert len(rows.looks) == 1


def test_what_stayed_because_storage_was_away_goes_in_a_later_round() -> None:
    rows = Rows(runs=2 * BATCH)
    rows.away = True
    one_round(rows)
    assert rows.runs == 2 * BATCH

    async def until_back() -> None:
        while len(rows.looks) < 3:
            await asyncio.sleep(1)
        rows.away = False
        await asyncio.sleep(2 * INTERVAL_S)

    pruning(rows, until_back)
    assert rows.runs == 0
