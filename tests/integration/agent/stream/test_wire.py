"""Whoever tries to reach Redis again spreads its attempts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from uuid import uuid4

import pytest

from services.agent.stream.hub import Hub
from services.agent.stream.ids import START
from services.agent.stream.wire import Wire
from services.kit.tasks import Supervisor

NOBODY = "redis://127.0.0.1:1"


class Asked:
    """A jitter that says none, and knows how often it was asked."""

    def __init__(self, times: int) -> None:
        self.enough = asyncio.Event()
        self._left = times

    def __call__(self, least: float, most: float) -> float:
        assert (least, most) == (0.5, 1.0)
        self._left -= 1
        if self._left == 0:
            self.enough.set()
        return 0.0


async def wire(tasks: Supervisor, jitter: Asked) -> None:
    tasks.start("wire", Wire(NOBODY, jitter).run)


async def viewer(tasks: Supervisor, jitter: Asked) -> None:
    hub = Hub(Wire(NOBODY), tasks, jitter)
    with hub.joined(uuid4()) as tail:
        await tail.changed(START, 0)
        await jitter.enough.wait()


@pytest.mark.parametrize("begin", [wire, viewer])
async def test_attempts_to_reach_redis_are_spread(begin: Callable[[Supervisor, Asked], Awaitable[None]]) -> None:
    jitter = Asked(3)
    async with asyncio.timeout(5), Supervisor() as tasks:
        await begin(tasks, jitter)
        await jitter.enough.wait()
