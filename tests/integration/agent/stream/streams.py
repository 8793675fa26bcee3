"""The room wired together as the service's app does it, over one Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from services.agent.stream.hub import Hub
from services.agent.stream.ports import EventStore, WireDown
from services.agent.stream.publisher import RunPublisher
from services.agent.stream.reader import Reader
from services.agent.stream.tail import Tail
from services.agent.stream.viewer import Pace
from services.agent.stream.wire import Wire
from services.kit.clock import SystemClock
from services.kit.tasks import Supervisor


@dataclass(frozen=True)
class Streams:
    """Publishers and readers over one connection."""

    wire: Wire
    tasks: Supervisor

    def publisher(self, run_id: UUID, epoch: int, on_fenced: Callable[[], None]) -> RunPublisher:
        publisher = RunPublisher(Tail(self.wire, run_id), epoch, SystemClock(), on_fenced)
        publisher.start(self.tasks)
        return publisher

    def reader(self, store: EventStore, pace: Pace | None = None) -> Reader:
        return Reader(store, Hub(self.wire, self.tasks), pace)


async def connected(wire: Wire) -> None:
    """Waits until Redis answers."""
    while True:
        try:
            await wire.call("PING")
        except WireDown:
            await asyncio.sleep(0.01)
        else:
            return
