"""The queue's length is an estimate; what it is worth while storage is away."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from services.agent.errors import QueueFull
from services.agent.ports import Queue, RunStore
from services.agent.use_cases.queue_gauge import QueueGauge
from services.kit.errors import Unavailable


class AwayStore:
    """Tells nobody how long the queue is; `looked` is set at each look."""

    def __init__(self) -> None:
        self.looked = asyncio.Event()

    async def queue(self) -> Queue:
        self.looked.set()
        raise Unavailable


async def test_starts_that_storage_could_not_admit_do_not_fill_the_queue() -> None:
    store = AwayStore()
    gauge = QueueGauge(cast("RunStore", store), limit=1)
    gauge.admit()
    with pytest.raises(QueueFull):
        gauge.admit()
    looking = asyncio.create_task(gauge.run())
    await store.looked.wait()
    gauge.admit()
    looking.cancel()
