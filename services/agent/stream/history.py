"""A run's durable events, as a viewer needs them."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import NamedTuple
from uuid import UUID

from services.agent.stream.codec import WireEvent, id_of, kind_of, message_of, parse_stored
from services.agent.stream.ids import START, EventId
from services.agent.stream.ports import EventStore, RunHead


class OpenMessage(NamedTuple):
    """A message that was begun and not complete."""

    message_id: str
    since: EventId


class Look(NamedTuple):
    """One question to Postgres: when it was asked, in the loop's time, and what it found, once that is known."""

    at: float
    found: asyncio.Future[EventId | None]


class Looks:
    """Who looked for what lately: the viewers of a silent run all wait for the same, one of them asks for all, and
    what it finds is told to all."""

    def __init__(self, for_s: float) -> None:
        self._for_s = for_s
        self._lately: OrderedDict[tuple[UUID, EventId], Look] = OrderedDict()

    async def share(
        self, run_id: UUID, place: EventId, look: Callable[[EventId], Awaitable[EventId | None]]
    ) -> EventId | None:
        """What follows a place, as somebody found it lately, or finds it now. Raises what `look` raises, to whom it
        was that looked; the others are told that there is nothing."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        while self._lately and next(iter(self._lately.values())).at <= now - self._for_s:
            self._lately.popitem(last=False)
        if shared := self._lately.get((run_id, place)):
            return await asyncio.shield(shared.found)  # who waits may go: the others still do
        own = self._lately[run_id, place] = Look(now, loop.create_future())
        found = None
        try:
            found = await look(place)
        finally:
            own.found.set_result(found)
        return found


class History:
    """One run's row and events in Postgres, read in pages. Raises kit Unavailable while that is away."""

    def __init__(self, store: EventStore, run_id: UUID, page: int, looks: Looks) -> None:
        self._store = store
        self._run_id = run_id
        self._page = page
        self._looks = looks

    async def head(self) -> RunHead:
        """The run's row. Raises RunNotFound."""
        return await self._store.head(self._run_id)

    async def tear(self, place: EventId) -> None:
        """Notes how far a message was told without its chunks."""
        await self._store.tear(self._run_id, place)

    async def after(self, place: EventId, until: EventId | None = None) -> AsyncIterator[WireEvent]:
        """The events behind a place and before another."""
        while True:
            rows = await self._store.read(self._run_id, place, self._page)
            for row in rows:
                place = EventId(row.epoch, row.n)
                if until is not None and place >= until:
                    return
                yield parse_stored(row)
            if len(rows) < self._page:
                return

    async def next(self, place: EventId) -> EventId | None:
        """The first event's id behind a place."""
        rows = await self._store.read(self._run_id, place, 1)
        return EventId(rows[0].epoch, rows[0].n) if rows else None

    async def look(self, place: EventId) -> EventId | None:
        """As `next`, asked once for all viewers who wait there."""
        return await self._looks.share(self._run_id, place, self.next)

    async def open_message(self, place: EventId) -> OpenMessage | None:
        """The message that was open at a place."""
        message = None
        async for event in self.after(START, EventId(place.epoch, place.n + 1)):
            message = _open_behind(event, message)
        return message

    async def settled(self, place: EventId) -> EventId:
        """How far one may go behind a place without leaving something out of a message that is still open."""
        settled, message, whole = place, None, True
        async for event in self.after(place):
            if whole and not settled.precedes(id_of(event)):
                whole, message = False, await self.open_message(settled)
            message = _open_behind(event, message)
            if whole or message is None:
                settled = id_of(event)
        return settled


def _open_behind(event: WireEvent, before: OpenMessage | None) -> OpenMessage | None:
    """The message that is open behind an event."""
    kind = kind_of(event)
    if kind == "model_call_started":
        return OpenMessage(message_of(event), id_of(event))
    return None if kind in ("assistant_complete", "run_ended") else before
