"""Events that have their id and wait to be sent, in order, behind reservations that wait for their commit."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from services.agent.stream.ids import EventId
from services.agent.stream.ports import Entry

ENTRY_BYTES = 16 * 1024
"""An entry is closed when it has grown beyond this."""
BACKLOG_BYTES = 2 * 1024 * 1024
"""When more than this waits because Redis is away, per run, it is dropped."""


class Waiting(NamedTuple):
    """One event as an element of WatchRunResponse.events."""

    n: int
    framed: bytes
    terminal: bool


class Slot:
    """Reserved ids: nothing behind them is sent before they are settled."""

    __slots__ = ("events", "settled")

    def __init__(self, events: list[Waiting]) -> None:
        self.events = events
        self.settled = False


class Backlog:
    """One run's queue in one epoch. What does not fit is dropped: readers see the hole, Postgres has the durable."""

    def __init__(self, epoch: int) -> None:
        self._epoch = epoch
        self._items: deque[Waiting | Slot] = deque()
        self._bytes = 0

    def add(self, event: Waiting) -> bool:
        """Queues a live event; False: the queue was full, and is now empty but for reservations."""
        if self._bytes > BACKLOG_BYTES:
            self._items = deque(item for item in self._items if isinstance(item, Slot) and not item.settled)
            self._bytes = 0
            return False
        self._items.append(event)
        self._bytes += len(event.framed)
        return True

    def reserve(self, events: list[Waiting]) -> Slot:
        """Queues a reservation."""
        slot = Slot(events)
        self._items.append(slot)
        return slot

    def take(self) -> Entry | None:
        """The next entry of consecutive events; None: nothing may be sent now."""
        taken: list[Waiting] = []
        size = 0
        while size < ENTRY_BYTES and (event := self._next(taken[-1].n + 1 if taken else None)) is not None:
            taken.append(event)
            size += len(event.framed)
            if event.terminal:
                break
        if not taken:
            return None
        payload = taken[0].framed if len(taken) == 1 else b"".join([event.framed for event in taken])
        return Entry(taken[0].n, EventId(self._epoch, taken[-1].n), payload, taken[-1].terminal)

    def _next(self, expected: int | None) -> Waiting | None:
        """Takes the first event, if it may go and, where one is expected, is that one."""
        while self._items and isinstance(slot := self._items[0], Slot):
            if not slot.settled:
                return None
            self._items.popleft()
            self._items.extendleft(reversed(slot.events))
            self._bytes += sum(len(event.framed) for event in slot.events)
        if not self._items:
            return None
        event = self._items[0]
        assert isinstance(event, Waiting)
        if expected is not None and event.n != expected:
            return None
        self._items.popleft()
        self._bytes -= len(event.framed)
        return event
