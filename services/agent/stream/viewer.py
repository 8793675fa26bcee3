"""One viewer of a run: stored events and the live tail as one strictly increasing sequence.

Entries of the tail that follow each other are forwarded as they are, unparsed. Only where something is missing are they
opened: then the run's row is read (entries of epochs below its owner's are void), the durable events that lie between
come from Postgres, and the mender sees to it that chunks stay right.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from dataclasses import dataclass

from services.agent.stream.codec import WireEvent, batch, id_of, kind_of, message_of, parse_batch
from services.agent.stream.history import History, OpenMessage
from services.agent.stream.ids import START, EventId
from services.agent.stream.mender import Mender
from services.agent.stream.ports import Entry, ReadableTail, RunHead, WireDown
from services.kit.errors import Unavailable

BATCH_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Pace:
    """How often Postgres is asked what the tail should have brought."""

    idle_s: float = 2.0
    """A tail that is silent for so long is held against Postgres."""
    overdue_s: float = 0.5
    """What is stored and was not published for so long after that is taken from there."""
    away_s: float = 0.25
    """How often Postgres is asked while Redis is away."""


class Viewer:
    """A place in a run, and what is sent from there on."""

    def __init__(self, history: History, tail: ReadableTail, cursor: EventId, pace: Pace) -> None:
        self._history = history
        self._tail = tail
        self._pace = pace
        self._at = cursor
        """The last event that was dealt with."""
        self._read = cursor
        """The last entry that was looked at."""
        self._epoch = 0
        self._torn = START
        self._mender = Mender(shown=cursor != START)
        self._over = False
        self._overdue: EventId | None = None

    async def run(self, head: RunHead | None = None) -> AsyncIterator[bytes]:
        """Serialized WatchRunResponses to the terminal event. `head` is the run's row, if it was read just now."""
        head = head or await self._history.head()
        self._epoch, self._torn = head.epoch, head.torn
        newest = await self._newest_published()
        if await self._is_unknown(newest, ended=head.ended):
            self._at = self._read = START
            self._mender = Mender(shown=False)
        await self._doubt()
        if head.ended:
            async for payload in joined(self._rest()):
                yield payload
            return
        if newest is None or newest.epoch < head.epoch:
            async for payload in joined(self._unpublished()):
                yield payload
        while not self._over:
            async for payload in joined(self._next()):
                yield payload

    async def _rest(self) -> AsyncIterator[bytes]:
        """Of a run that has ended: what is left of its tail, and what is stored."""
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
            pieces = self._unpublished()
        else:
            pieces = self._published(entries) if entries else self._awaited()
        async for payload in pieces:
            yield payload

    async def _awaited(self) -> AsyncIterator[bytes]:
        """Waits at the end of the tail. What is stored but overdue there was lost: it comes from Postgres."""
        within_s = self._pace.idle_s if self._overdue is None else self._pace.overdue_s
        if await self._tail.changed(self._read, within_s):
            self._overdue = None
            return
        before, self._overdue = self._overdue, None
        with suppress(Unavailable):
            self._overdue = await (self._history.next if before else self._history.look)(self._at)
        if self._overdue is not None and self._overdue == before:
            async for payload in self._unpublished():
                yield payload

    async def _unpublished(self) -> AsyncIterator[bytes]:
        """What is stored and perhaps not published yet. Nothing is left out of an open message for it: the viewer could
        be cut, and resume amidst chunks of which it has not seen the first."""
        try:
            settled = await self._history.settled(self._at)
        except Unavailable:
            return
        async for payload in self._stored(EventId(settled.epoch, settled.n + 1)):
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
            self._epoch = max(self._epoch, (await self._history.head()).epoch)
            if entry.id.epoch < self._epoch:
                return
            async for payload in self._stored(first):
                yield payload
        if not self._over and (payload := await self._shown(parse_batch(entry.payload))):
            yield payload

    async def _stored(self, until: EventId | None) -> AsyncIterator[bytes]:
        """The durable events after the last one, and before `until`."""
        async for event in self._history.after(self._at, until):
            if payload := await self._shown([event]):
                yield payload
            if self._over:
                return

    async def _shown(self, events: Iterable[WireEvent]) -> bytes:
        """Consecutive events as they are sent; empty: all of them are held back."""
        new = [event for event in events if id_of(event) > self._at]
        if gap := self._misses(id_of(new[0])):
            message = await self._history.open_message(self._at) if self._mender.shown else None
            self._mender.tear(self._at, message.message_id if message else None)
        mended = self._mender.mend(self._at, new)
        if self._mender.torn_to > self._torn:
            self._torn = self._mender.torn_to
            await self._history.tear(self._torn)  # before anybody can resume there
        self._at = id_of(new[-1])
        self._epoch = max(self._epoch, self._at.epoch)
        self._over = kind_of(new[-1]) == "run_ended"
        return batch(mended, gap=gap) if mended else b""

    def _misses(self, first: EventId) -> bool:
        """Whether events between the last one and this are missing."""
        return first > self._at and not self._at.precedes(first)

    async def _doubt(self) -> None:
        """Who resumes within a message may have been held back chunks that are lost, or that the tail has only now.
        Unless nobody was, and the tail has the message's events up to the cursor, the rest of it is not shown in
        pieces."""
        message = await self._history.open_message(self._at) if self._at != START else None
        if message is None:
            return
        with suppress(WireDown):
            if self._at > self._torn and await self._has_all(message):
                return
        self._mender.tear(self._at, message.message_id)

    async def _has_all(self, message: OpenMessage) -> bool:
        """Whether the tail has all of an open message up to the last event, from its beginning or from a reset."""
        place, intact = EventId(message.since.epoch, message.since.n - 1), False
        while entries := await self._tail.after(place):
            for entry in entries:
                first = EventId(entry.id.epoch, entry.first)
                intact = first <= message.since or (intact and place.precedes(first))
                for event in parse_batch(entry.payload):
                    if id_of(event) > self._at:
                        return intact
                    intact = intact or (kind_of(event) == "message_reset" and message_of(event) == message.message_id)
                place = entry.id
        return intact and place >= self._at

    async def _newest_published(self) -> EventId | None:
        with suppress(WireDown):
            return await self._tail.last()
        return None

    async def _is_unknown(self, newest: EventId | None, *, ended: bool) -> bool:
        """Whether the cursor is beyond all that was ever published, as far as can be told."""
        if self._at == START or self._at.epoch > self._epoch:
            return self._at != START
        plausible = newest is None or newest.epoch != self._at.epoch or newest >= self._at
        if plausible and not ended:
            return False
        return await self._history.next(EventId(self._at.epoch, self._at.n - 1)) is None


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
