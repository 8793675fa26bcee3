"""The streams of a process: the one object that wires this room together."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from uuid import UUID

from services.agent.stream.hub import Hub
from services.agent.stream.ports import EventStore
from services.agent.stream.publisher import RunPublisher
from services.agent.stream.reader import Reader
from services.agent.stream.tail import Tail
from services.agent.stream.viewer import Pace
from services.agent.stream.wire import Wire
from services.kit.clock import Clock
from services.kit.tasks import Supervisor


class Streams:
    """Publishers for a worker, a reader for an API."""

    def __init__(self, wire: Wire, tasks: Supervisor, clock: Clock) -> None:
        self._wire = wire
        self._tasks = tasks
        self._clock = clock

    def publisher(self, run_id: UUID, epoch: int, on_fenced: Callable[[], None]) -> RunPublisher:
        """The owner's side of a run; `on_fenced` is called once when a higher epoch is in the tail. Close it."""
        publisher = RunPublisher(Tail(self._wire, run_id), epoch, self._clock, on_fenced)
        publisher.start(self._tasks)
        return publisher

    def reader(self, store: EventStore, pace: Pace | None = None) -> Reader:
        """The viewers' side of all runs."""
        return Reader(store, Hub(self._wire, self._tasks), pace)


@asynccontextmanager
async def open_streams(redis_url: str, tasks: Supervisor, clock: Clock) -> AsyncIterator[Streams]:
    """Streams over one connection, and one more per run that is being watched. Redis may be away."""
    wire = Wire(redis_url)
    connecting = tasks.start("wire", wire.run)
    try:
        await wire.tried()
        yield Streams(wire, tasks, clock)
    finally:
        connecting.cancel()
