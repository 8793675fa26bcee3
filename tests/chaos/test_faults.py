"""Which faults come, in which order."""

from __future__ import annotations

import random
from collections import Counter

from tests.chaos.faults import one_of_each, schedule
from tests.chaos.scenario import Director, Fault


async def nothing(_: Director) -> bool:
    """Injects nothing."""
    return True


def some(kind: str, places: int, *, heavy: bool = False) -> list[Fault]:
    """A kind of fault at so many places."""
    return [Fault(kind, str(place), nothing, heavy) for place in range(places)]


ALL = [*some("cut", 40), *some("killed", 10), *some("disk full", 1, heavy=True), *some("away", 1, heavy=True)]


def test_one_of_each_kind_comes_first() -> None:
    for seed in range(20):
        first = schedule(ALL, random.Random(seed), 4)
        assert sorted(fault.kind for fault in first) == ["away", "cut", "disk full", "killed"]


def test_every_light_one_comes_before_any_comes_again() -> None:
    chosen = schedule(ALL, random.Random(1), 4 + 52)[4:]
    light = Counter((fault.kind, fault.where) for fault in chosen if not fault.heavy)
    assert (len(light), set(light.values())) == (50, {1})
    assert sorted(fault.kind for fault in chosen if fault.heavy) == ["away", "disk full"]


def test_faults_that_are_all_heavy_or_all_light_are_scheduled_as_well() -> None:
    for kind in (some("cut", 3), some("away", 1, heavy=True)):
        assert {fault.kind for fault in schedule(kind, random.Random(1), 30)} == {kind[0].kind}
        assert len(schedule(kind, random.Random(1), 30)) == 30


def test_nothing_is_scheduled_of_nothing() -> None:
    assert schedule([], random.Random(1), 30) == one_of_each([], random.Random(1)) == []


def test_a_seed_gives_the_same_faults_again() -> None:
    assert schedule(ALL, random.Random("s"), 90) == schedule(ALL, random.Random("s"), 90)
