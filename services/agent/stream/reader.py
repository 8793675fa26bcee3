"""What one viewer of a run is sent: stored events and the live tail as one strictly increasing sequence.

Entries of the tail that follow each other are forwarded as they are, unparsed. Only where something is missing are they
opened: then the run's row is read (entries of epochs below its owner's are void), the durable events that lie between
come from Postgres, and the mender sees to it that chunks stay right.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

from services.agent.stream.codec import WireEvent, batch, id_of, kind_of, message_of, parse_batch, parse_stored
from services.agent.stream.ids import START, EventId, parse_cursor
from services.agent.stream.mender import Mender
from services.agent.stream.ports import Entry, EventStore, ReadableTail, StoredEvent, Tails, WireDown
from services.kit.errors import Unavailable

BATCH_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Pace:
    """How often Postgres is asked what the tail should have brought."""

    idle_s: float = 2.0
    """A tail that is silent for so long is held against Postgres."""
    overdue_s: float = 0.5
    """What is stored and was not published for so long after that is taken from there."""
    away_s: float = 0.25
    """How often Postgres is asked while Redis is away."""
    rows: int = 100
    """Events per statement."""


class Reader:
    """Streams runs to viewers."""

    def __init__(self, store: EventStore, tails: Tails, pace: Pace | None = None) -> None:
        self._store = store
        self._tails = tails
        self._pace = pace or Pace()

    async def watch(self, run_id: UUID, last_id: str) -> AsyncIterator[bytes]:
        """Serialized WatchRunResponses, to the terminal event, and for as long as that takes.

        `last_id` is the id of the last event that the viewer has; empty, or not of this run: from the start. Raises
        InvalidCursor, RunNotFound, and Unavailable when Postgres is needed and away: the viewer resumes.
        """
        cursor = parse_cursor(last_id)
        with self._tails.joined(run_id) as tail:
            async for payload in _Viewer(self._store, tail, run_id, cursor, self._pace).run():
                yield payload


class _Viewer:
    """One viewer's place in a run."""

    def __init__(self, store: EventStore, tail: ReadableTail, run_id: UUID, cursor: EventId, pace: Pace) -> None:
        self._store = store
        self._tail = tail
        self._run_id = run_id
        self._pace = pace
        self._at = cursor
        """The last event that was dealt with."""
        self._read = cursor
        """The last entry that was looked at."""
        self._epoch = 0
        self._mender = Mender(shown=cursor != START)
        self._over = False
        self._overdue: EventId | None = None

    async def run(self) -> AsyncIterator[bytes]:
        head = await self._store.head(self._run_id)
        self._epoch = head.epoch
        newest = await self._newest_published()
        if await self._is_unknown(newest, ended=head.ended):
            self._at = self._read = START
            self._mender = Mender(shown=False)
        # A tail of this epoch will bring what is stored by now; without one, Postgres has it.
        if head.ended or newest is None or newest.epoch < head.epoch:
            async for payload in joined(self._all()):
                yield payload
        while not (self._over or head.ended):
            async for payload in joined(self._next()):
                yield payload

    async def _all(self) -> AsyncIterator[bytes]:
        """What there is now, of a run that has ended or that nobody publishes."""
        with suppress(WireDown):
            while not self._over and (entries := await self._tail.after(self._read)):
                async for payload in self._published(entries):
                    yield payload
        async for payload in self._stored(None):
            yield payload

    async def _next(self) -> AsyncIterator[bytes]:
        """What comes next, once it comes."""
        try:
            entries = await self._tail.after(self._read)
        except WireDown:
            await asyncio.sleep(self._pace.away_s)
            async for payload in self._polled():
                yield payload
            return
        async for payload in self._published(entries) if entries else self._awaited():
            yield payload

    async def _awaited(self) -> AsyncIterator[bytes]:
        """Waits at the end of the tail. What is stored but overdue there was lost: it comes from Postgres."""
        within_s = self._pace.idle_s if self._overdue is None else self._pace.overdue_s
        if await self._tail.changed(self._read, within_s):
            self._overdue = None
            return
        upcoming: list[StoredEvent] = []
        with suppress(Unavailable):
            upcoming = await self._store.read(self._run_id, self._at, 1)
        before, self._overdue = self._overdue, place_of(upcoming[0]) if upcoming else None
        if self._overdue is not None and self._overdue == before:
            async for payload in self._polled():
                yield payload

    async def _polled(self) -> AsyncIterator[bytes]:
        with suppress(Unavailable):
            async for payload in self._stored(None):
                yield payload

    async def _published(self, entries: Iterable[Entry]) -> AsyncIterator[bytes]:
        for entry in entries:
            self._read = entry.id
            if (
                entry.first == self._at.n + 1
                and entry.id.epoch == self._at.epoch == self._epoch
                and not self._mender.holding
            ):
                self._at = entry.id
                self._mender.shown = True
                self._over = entry.terminal
                yield entry.payload
            elif entry.id.epoch >= self._epoch and entry.id > self._at:
                async for payload in self._inspected(entry):
                    yield payload
            if self._over:
                return

    async def _inspected(self, entry: Entry) -> AsyncIterator[bytes]:
        """An entry behind a hole, around the cursor, or with chunks to hold back."""
        first = EventId(entry.id.epoch, entry.first)
        if self._misses(first):
            self._epoch = max(self._epoch, (await self._store.head(self._run_id)).epoch)
            if entry.id.epoch < self._epoch:
                return
            async for payload in self._stored(first):
                yield payload
        if self._over:
            return
        if gap := self._misses(first):
            await self._tear()
        if payload := self._shown(parse_batch(entry.payload), gap=gap):
            yield payload

    async def _stored(self, until: EventId | None) -> AsyncIterator[bytes]:
        """The durable events after the last one, and before `until`."""
        while not self._over:
            rows = await self._store.read(self._run_id, self._at, self._pace.rows)
            for row in rows:
                place = place_of(row)
                if until is not None and place >= until:
                    return
                if gap := self._misses(place):
                    await self._tear()
                if payload := self._shown(parse_stored(row), gap=gap):
                    yield payload
            if len(rows) < self._pace.rows:
                return

    def _shown(self, events: Iterable[WireEvent], *, gap: bool) -> bytes:
        new = [event for event in events if id_of(event) > self._at]
        mended = self._mender.mend(self._at, new)
        self._at = id_of(new[-1])
        self._epoch = max(self._epoch, self._at.epoch)
        self._over = kind_of(new[-1]) == "run_ended"
        return batch(mended, gap=gap) if mended else b""

    def _misses(self, first: EventId) -> bool:
        """Whether events between the last one and this are missing."""
        return first > self._at and not self._at.precedes(first)

    async def _tear(self) -> None:
        message_id = await self._open_message() if self._mender.shown else None
        self._mender.tear(self._at, message_id)

    async def _open_message(self) -> str | None:
        """The message that was begun and not complete at the last event."""
        begun = None
        async for row in self._rows():
            if place_of(row) > self._at:
                break
            event = parse_stored(row)[0]
            if kind_of(event) == "model_call_started":
                begun = message_of(event)
            elif kind_of(event) == "assistant_complete":
                begun = None
        return begun

    async def _rows(self) -> AsyncIterator[StoredEvent]:
        place = START
        while True:
            rows = await self._store.read(self._run_id, place, self._pace.rows)
            for row in rows:
                yield row
            if len(rows) < self._pace.rows:
                return
            place = place_of(rows[-1])

    async def _newest_published(self) -> EventId | None:
        with suppress(WireDown):
            return await self._tail.last()
        return None

    async def _is_unknown(self, newest: EventId | None, *, ended: bool) -> bool:
        """Whether the cursor is beyond all that was ever published, as far as can be told."""
        if self._at == START or self._at.epoch > self._epoch:
            return self._at != START
        if ended:
            return self._at > place_of([row async for row in self._rows()][-1])
        behind = newest is not None and newest.epoch == self._at.epoch and newest < self._at
        return behind and not await self._store.read(self._run_id, self._at, 1)


async def joined(payloads: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """What is ready, together: serialized responses, joined, are one."""
    ready: list[bytes] = []
    size = 0
    async for payload in payloads:
        ready.append(payload)
        size += len(payload)
        if size >= BATCH_BYTES:
            yield b"".join(ready)
            ready, size = [], 0
    if ready:
        yield b"".join(ready)


def place_of(row: StoredEvent) -> EventId:
    return EventId(row.epoch, row.n)
