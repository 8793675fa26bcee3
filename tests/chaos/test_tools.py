"""The fake tools tell a call that is made again from one that is made anew."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.chaos.doings import Doings
from tests.chaos.orders import OrderBook
from tests.chaos.points import Points
from tests.chaos.tools import EffectTool


class Calls:
    """One call, made with any key. `counted`: how often too often, as its effects tell."""

    def __init__(self, folder: Path) -> None:
        self.book = OrderBook(folder)
        self.tool = EffectTool(Points(self.book), folder)

    async def make(self, function: str, key: str, *, resumed: bool = False) -> None:
        call = SimpleNamespace(key=f"run:{key}")
        running: Any = SimpleNamespace(call=call, resumed=resumed, emit=lambda text: None, ensure_owned=lambda: None)
        await getattr(self.tool, function)(running, {"mark": "m", "ms": 0})

    @property
    def counted(self) -> int:
        return sum(more for _, more in Doings(self.book.effects()).repeated())


@pytest.fixture
def calls(tmp_path: Path) -> Calls:
    return Calls(tmp_path)


async def test_a_repetition_with_the_same_key_makes_nothing_more(calls: Calls) -> None:
    for _ in range(2):
        await calls.make("effect_idempotent", "1:0")
    await calls.make("effect_queryable", "1:1")
    await calls.make("effect_queryable", "1:1", resumed=True)
    assert calls.counted == 0


@pytest.mark.parametrize("function", ["effect_idempotent", "effect_once"])
async def test_a_repetition_with_another_key_makes_one_more(calls: Calls, function: str) -> None:
    await calls.make(function, "1:0")
    await calls.make(function, "1:0:again")
    assert calls.counted == 1


async def test_a_queryable_effect_that_is_begun_again_is_begun_twice(calls: Calls) -> None:
    await calls.make("effect_queryable", "1:0")
    await calls.make("effect_queryable", "1:0")
    assert calls.counted == 1
