"""The queue's length is an estimate; what it is worth while storage is away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import pytest

from services.agent.errors import QueueFull
from services.agent.ports import Queue, RunStore
from services.agent.use_cases.queue_gauge import QueueGauge
from services.kit.errors import Unavailable


class Store:
    """Tells how long the queue is, where it is known; `looked` is set at each look."""

    def __init__(self, length: int | None) -> None:
        self.length = length
        self.looked = asyncio.Event()

    async def queue(self) -> Queue:
        self.looked.set()
        if self.length is None:
            raise Unavailable
        return Queue(self.length, 0.0)


@asynccontextmanager
async def looking(store: Store, gauge: QueueGauge) -> AsyncIterator[None]:
    """The gauge has looked once."""
    task = asyncio.create_task(gauge.run())
    await store.looked.wait()
    yield
    task.cancel()


async def test_starts_that_storage_could_not_admit_do_not_fill_the_queue() -> None:
    store = Store(None)
    gauge = QueueGauge(cast("RunStore", store), limit=1)
    with gauge.admitting():
        pass
    with pytest.raises(QueueFull), gauge.admitting():
        pass
    async with looking(store, gauge):
        with gauge.admitting():
            pass


async def test_starts_on_their_way_count_also_after_a_look_that_could_not_see_them() -> None:
    store = Store(0)
    gauge = QueueGauge(cast("RunStore", store), limit=1)
    with gauge.admitting():
        async with looking(store, gauge):
            with pytest.raises(QueueFull), gauge.admitting():
                pass
    assert gauge.refused == 1


async def test_a_start_that_failed_is_not_in_the_queue() -> None:
    gauge = QueueGauge(cast("RunStore", Store(0)), limit=1)
    with pytest.raises(Unavailable), gauge.admitting():
        raise Unavailable
    with gauge.admitting():
        pass
