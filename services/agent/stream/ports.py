"""What publisher and reader need of others: the run store, and the tail."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import NamedTuple, Protocol
from uuid import UUID

from services.agent.stream.ids import START, EventId


class StoredEvent(NamedTuple):
    """A durable event; `payload` is the serialized mesh.agent.v1.RunEvent."""

    epoch: int
    n: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class RunHead:
    """The run's row, as far as viewers are concerned."""

    epoch: int
    """The owner's; events of lower epochs that are not stored are void."""
    ended: bool
    """Its terminal event is stored."""
    torn: EventId = START
    """Up to here somebody was told messages without their chunks: who resumes within one may lack what its tail has."""


class EventStore(Protocol):
    """The durable events. Raises kit Unavailable while the store is away."""

    async def read(self, run_id: UUID, after: tuple[int, int], limit: int) -> list[StoredEvent]:
        """At most `limit` events with a higher (epoch, n), in that order; (0, 0): from the first."""

    async def head(self, run_id: UUID) -> RunHead:
        """The run as committed now. Raises RunNotFound."""

    async def tear(self, run_id: UUID, place: EventId) -> None:
        """Raises the run's `torn` to a place."""


class Entry(NamedTuple):
    """A batch of consecutive events: `first`..`id.n` of epoch `id.epoch`, serialized as WatchRunResponse(events)."""

    first: int
    id: EventId
    payload: bytes
    terminal: bool
    """Its last event is the run's last."""


class WireDown(Exception):
    """Redis is away, or does not answer in time."""


LOST = -1
"""Append's answer when the entry before is gone."""


class WritableTail(Protocol):
    """A run's tail as its owner sees it. All raise WireDown."""

    async def append(self, entry: Entry, before: EventId | None, ttl_ms: int) -> int | EventId:
        """Adds an entry behind `before`; None: whatever is there, making the tail when it is gone.

        Returns LOST when `before` is gone, the last id when the entry's is not higher, else the bytes that the tail
        takes where that was asked (without `before`), or 0.
        """

    async def trim(self, below: EventId) -> None:
        """Forgets what is before an id."""

    async def expire(self, ttl_ms: int) -> None:
        """Keeps the tail for so long."""


class ReadableTail(Protocol):
    """A run's tail as its viewers see it."""

    async def after(self, place: EventId) -> list[Entry]:
        """Entries behind a place; none: this is the end for now. Raises WireDown when it cannot know."""

    async def last(self) -> EventId | None:
        """The newest entry's id. Raises WireDown."""

    async def changed(self, place: EventId, within_s: float) -> bool:
        """Waits at the end, which is `place`, for entries or for Redis to go away; False: nothing in this time."""


class Tails(Protocol):
    """The tails of a process."""

    def joined(self, run_id: UUID) -> AbstractContextManager[ReadableTail]:
        """A viewer's share in a run's tail."""
