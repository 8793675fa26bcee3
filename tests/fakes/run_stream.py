"""A run's stream in memory: the durable events, the tail, an owner that publishes, and what a viewer must see."""

from __future__ import annotations

import asyncio
from bisect import insort
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from uuid import UUID

from mesh.agent.v1 import events_pb2, runs_pb2

from services.agent.domain import events as said
from services.agent.errors import RunNotFound
from services.agent.ports import Stamped
from services.agent.stream.ids import START, EventId
from services.agent.stream.ports import LOST, Entry, RunHead, StoredEvent, WireDown
from services.agent.stream.publisher import RunPublisher
from services.kit.errors import Unavailable

RUN = UUID("00000000-0000-4000-8000-000000000001")


class MemoryStore:
    """One run's durable events and row."""

    def __init__(self) -> None:
        self.rows: list[StoredEvent] = []
        self.epoch = 0
        self.ended = False
        self.torn = START
        self.down = False
        self.reads = 0

    def admit(self) -> None:
        """The ack of the admitting API."""
        ack = events_pb2.RunEvent(epoch=0, n=1, durable=True, ack=events_pb2.Ack(message="hello"))
        self.write(0, [Stamped(1, ack.SerializeToString())])

    def write(self, epoch: int, stamped: Sequence[Stamped]) -> None:
        """Commits events of the current owner."""
        assert epoch == self.epoch, "fenced"
        assert not self.ended
        for row in stamped:
            insort(self.rows, StoredEvent(epoch, row.n, row.payload))
            self.ended = events_pb2.RunEvent.FromString(row.payload).HasField("run_ended")

    async def read(self, run_id: UUID, after: tuple[int, int], limit: int) -> list[StoredEvent]:
        self._reach(run_id)
        return [row for row in self.rows if (row.epoch, row.n) > after][:limit]

    async def head(self, run_id: UUID) -> RunHead:
        self._reach(run_id)
        return RunHead(self.epoch, self.ended, self.torn)

    async def tear(self, run_id: UUID, place: EventId) -> None:
        self._reach(run_id)
        self.torn = max(self.torn, place)

    def _reach(self, run_id: UUID) -> None:
        self.reads += 1
        if self.down:
            raise Unavailable
        if run_id != RUN:
            raise RunNotFound


class MemoryTail:
    """A tail with the semantics of the one in Redis: for its owner, and, as Tails, for its viewers."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.down = False
        self._changed = asyncio.Event()

    async def append(self, entry: Entry, before: EventId | None, ttl_ms: int) -> int | EventId:
        await self._reach()
        if before is not None and all(old.id != before for old in self.entries):
            return LOST
        if self.entries and entry.id <= self.entries[-1].id:
            return self.entries[-1].id
        self.entries.append(entry)
        self._notify()
        return sum(len(old.payload) for old in self.entries) if before is None else 0

    async def trim(self, below: EventId) -> None:
        await self._reach()
        self.entries = [entry for entry in self.entries if entry.id >= below]

    async def expire(self, ttl_ms: int) -> None:
        await self._reach()

    async def after(self, place: EventId) -> list[Entry]:
        await self._reach()
        return [entry for entry in self.entries if entry.id > place][:3]

    async def last(self) -> EventId | None:
        await self._reach()
        return self.entries[-1].id if self.entries else None

    async def changed(self, place: EventId, within_s: float) -> bool:
        try:
            async with asyncio.timeout(within_s):
                await self._changed.wait()
        except TimeoutError:
            return False
        return True

    @contextmanager
    def joined(self, run_id: UUID) -> Iterator[MemoryTail]:
        yield self

    def wipe(self) -> None:
        """FLUSHALL."""
        self.entries = []

    def set_down(self, down: bool) -> None:
        self.down = down
        self._notify()

    def _notify(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _reach(self) -> None:
        await asyncio.sleep(0)
        if self.down:
            raise WireDown


class Owner:
    """Publishes as the engine does: durable events are reserved, committed, released."""

    def __init__(
        self, store: MemoryStore, publisher: RunPublisher, epoch: int, rest: Callable[[], Awaitable[None]]
    ) -> None:
        self._store = store
        self._publisher = publisher
        self._epoch = epoch
        self._rest = rest

    async def durable(self, *events: said.RunEvent) -> None:
        stamped = self._publisher.reserve(events)
        await self._rest()
        self._store.write(self._epoch, stamped)
        await self._rest()
        self._publisher.release(stamped, written=True)

    async def say(self, message_id: str, pieces: Sequence[str]) -> None:
        """One model call that answers with text."""
        await self.durable(said.ModelCallStarted("row", "r", 0, "mock-ai", message_id))
        await self.chunks(message_id, pieces)
        await self.complete(message_id, pieces)

    async def chunks(self, message_id: str, pieces: Sequence[str]) -> None:
        for piece in pieces:
            self._publisher.emit(said.TextChunk(message_id, piece))
            await self._rest()

    async def complete(self, message_id: str, pieces: Sequence[str]) -> None:
        await self.durable(
            said.AssistantComplete(message_id, "".join(pieces), "stop"), said.StepFinished(message_id, "stop", False, 1)
        )

    async def end(self) -> None:
        await self.durable(said.RunEnded("completed", "Done", "stop"))


class View:
    """What a client has seen, across its connections."""

    def __init__(self, events: Sequence[events_pb2.RunEvent] = ()) -> None:
        self.events = list(events)
        self.gaps = 0

    @property
    def last_id(self) -> str:
        return str(place(self.events[-1])) if self.events else ""

    @property
    def ended(self) -> bool:
        return bool(self.events) and self.events[-1].HasField("run_ended")

    @property
    def kinds(self) -> list[str | None]:
        return [event.WhichOneof("event") for event in self.events]

    def add(self, payload: bytes, most: int | None = None) -> None:
        """Takes a response, or the first `most` of its events: then the connection broke."""
        response = runs_pb2.WatchRunResponse.FromString(payload)
        assert response.events
        self.gaps += response.gap
        self.events.extend(response.events[:most])

    async def watch(self, payloads: AsyncIterator[bytes]) -> View:
        async for payload in payloads:
            self.add(payload)
        return self

    def text(self, message_id: str) -> str:
        """The chunks of a message after its last reset."""
        shown = ""
        for event in self.events:
            if event.message_reset.message_id == message_id:
                shown = ""
            elif event.text_chunk.message_id == message_id:
                shown += event.text_chunk.text
        return shown


def place(event: events_pb2.RunEvent) -> EventId:
    return EventId(event.epoch, event.n)


def check(view: View, store: MemoryStore, after: EventId = START) -> None:
    """Ids strictly increase, durable events equal the store, one terminal, messages whole or not in pieces at all."""
    places = [place(event) for event in view.events]
    assert places == sorted(set(places)), "ids must strictly increase"
    durable = [event.SerializeToString() for event in view.events if event.durable]
    assert durable == [row.payload for row in store.rows if (row.epoch, row.n) > after], (
        "durable events must equal the store"
    )
    assert view.kinds.count("run_ended") == 1
    assert view.kinds[-1] == "run_ended"
    if after == START:
        check_messages(view)


def check_messages(view: View) -> None:
    """The chunks of each finished message after its last reset are none or the whole, and none come after its end."""
    shown: dict[str, str] = {}
    done: set[str] = set()
    for event in view.events:
        if event.HasField("message_reset"):
            shown.pop(event.message_reset.message_id, None)
        elif event.HasField("text_chunk"):
            chunk = event.text_chunk
            assert chunk.message_id not in done
            shown[chunk.message_id] = shown.get(chunk.message_id, "") + chunk.text
        elif event.HasField("assistant_complete"):
            message_id = event.assistant_complete.message_id
            done.add(message_id)
            assert shown.get(message_id, event.assistant_complete.text) == event.assistant_complete.text


def whole_messages(view: View) -> int:
    """How many finished messages were shown in chunks, and whole."""
    return sum(
        view.text(event.assistant_complete.message_id) == event.assistant_complete.text
        for event in view.events
        if event.HasField("assistant_complete")
    )
