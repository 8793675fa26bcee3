"""Event ids: `<epoch>-<n>`, ordered as pairs."""

from __future__ import annotations

import re
from typing import NamedTuple

from services.agent.errors import InvalidCursor

_CURSOR = re.compile(r"([0-9]{1,9})-([0-9]{1,9})", re.ASCII)


class EventId(NamedTuple):
    """The place of an event in its run."""

    epoch: int
    n: int

    def __str__(self) -> str:
        return f"{self.epoch}-{self.n}"

    def precedes(self, later: EventId) -> bool:
        """Whether nothing can lie between the two. Epoch 0 holds the ack alone, so that 0-1 is followed by 1-1."""
        if self.epoch == later.epoch:
            return later.n == self.n + 1
        return self == ACK and later == FIRST


START = EventId(0, 0)
"""Before every event."""
ACK = EventId(0, 1)
FIRST = EventId(1, 1)


def parse_cursor(text: str) -> EventId:
    """A viewer's last id; empty: START. Raises InvalidCursor."""
    if not text:
        return START
    match = _CURSOR.fullmatch(text)
    if match is None:
        raise InvalidCursor.of("last_id", "is not the id of an event: <epoch>-<n>")
    return EventId(int(match[1]), int(match[2]))


def free_ids(last: EventId, upcoming: EventId, count: int) -> list[EventId]:
    """Up to `count` unused ids between two events, the highest that there are.

    Before the first event of an epoch there is one of the epoch before: whatever its owner still says is fenced off.
    There would be more, without end, and a viewer who is cut after each few would never get further.
    """
    before = last.n if last.epoch == upcoming.epoch else 0
    ids = [EventId(upcoming.epoch, n) for n in range(max(before + 1, upcoming.n - count), upcoming.n)]
    return ids or ([] if last.epoch == upcoming.epoch else [EventId(last.epoch, last.n + 1)][:count])
