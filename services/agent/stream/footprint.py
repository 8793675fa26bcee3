"""How much a run's tail takes in Redis, and from where on it is kept when that is too much."""

from __future__ import annotations

from collections import deque

from services.agent.stream.ids import EventId

TAIL_BYTES = 8 * 1024 * 1024
_STRETCHES = 64
# Of one entry, beside its payload: id, field name, and the stream's own structure, generously.
_OVERHEAD = 64


class Footprint:
    """Counts bytes in stretches of a 64th of the limit, and forgets the oldest stretches first."""

    def __init__(self, limit: int = TAIL_BYTES) -> None:
        self._limit = limit
        self.forget()

    def forget(self) -> None:
        """The tail is gone."""
        self._stretches: deque[tuple[EventId, int]] = deque()
        self._open = 0
        self._total = 0

    def inherit(self, first: EventId, size: int) -> None:
        """Counts what an earlier owner left before this owner's first event."""
        self._stretches.append((EventId(first.epoch, first.n - 1), size))
        self._total += size

    def add(self, last: EventId, size: int) -> EventId | None:
        """Counts what was added up to an id; the id below which the tail should be trimmed now, if it should."""
        self._open += size + _OVERHEAD
        self._total += size + _OVERHEAD
        if self._open < self._limit // _STRETCHES:
            return None
        self._stretches.append((last, self._open))
        self._open = 0
        return self._trim() if self._total > self._limit else None

    def _trim(self) -> EventId | None:
        """Down to three quarters; never the newest stretch."""
        below = None
        while len(self._stretches) > 1 and self._total > self._limit * 3 // 4:
            last, size = self._stretches.popleft()
            self._total -= size
            below = EventId(last.epoch, last.n + 1)
        return below
