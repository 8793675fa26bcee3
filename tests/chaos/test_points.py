"""Fault points are where they say, and do nothing unless ordered to."""

from __future__ import annotations

import asyncio
from pathlib import Path
from pkgutil import resolve_name

import pytest

from services.kit.postgres import StorageUnavailable
from tests.chaos.orders import Order, OrderBook
from tests.chaos.points import BOUNDARIES, Injected, Points


@pytest.mark.parametrize("name", BOUNDARIES)
def test_a_boundary_is_a_method_that_is_there(name: str) -> None:
    assert asyncio.iscoroutinefunction(resolve_name(BOUNDARIES[name].method))


async def test_a_point_without_an_order_does_nothing(tmp_path: Path) -> None:
    await Points(OrderBook(tmp_path)).reach("intent.before")


async def test_an_order_is_done_once_and_told_of(tmp_path: Path) -> None:
    points = Points(OrderBook(tmp_path))
    points.book.lay("intent.before", Order("1", "error"))
    with pytest.raises(Injected):
        await points.reach("intent.before")
    await points.reach("intent.before")
    taken = points.book.taken("1")
    assert taken is not None
    assert taken.point == "intent.before"


async def test_absence_is_what_the_port_says_when_the_other_side_is_away(tmp_path: Path) -> None:
    points = Points(OrderBook(tmp_path))
    points.book.lay("result.after", Order("1", "away"))
    with pytest.raises(StorageUnavailable):
        await points.reach("result.after")


async def test_who_waits_goes_on_when_told(tmp_path: Path) -> None:
    points = Points(OrderBook(tmp_path))
    points.book.lay("claim.after", Order("1", "wait"))
    waiting = asyncio.create_task(points.reach("claim.after"))
    async with asyncio.timeout(5):
        while points.book.taken("1") is None:
            await asyncio.sleep(0.01)
    assert not waiting.done()
    points.book.go("1")
    await asyncio.wait_for(waiting, 5)


def test_a_withdrawn_order_is_not_taken(tmp_path: Path) -> None:
    book = OrderBook(tmp_path)
    book.lay("claim.after", Order("1", "kill"))
    book.withdraw("claim.after")
    assert book.take("claim.after") is None
