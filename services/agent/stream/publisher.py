"""Publishes the events of one run in one epoch: gives them their ids and brings them to the tail in order.

Nothing here is ever waited for by the run, and nothing is read back to continue: `n` is a counter in memory. Whatever
is ready is sent together; while one entry is under way the next gathers; a lone event is sent at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress

from services.agent.domain.events import RunEnded, RunEvent
from services.agent.ports import Stamped
from services.agent.stream.backlog import Backlog, Slot, Waiting
from services.agent.stream.codec import encode, frame
from services.agent.stream.footprint import Footprint
from services.agent.stream.ids import EventId
from services.agent.stream.ports import LOST, Entry, WireDown, WritableTail
from services.agent.stream.transcript import Transcript
from services.kit.clock import Clock
from services.kit.tasks import Supervisor

LIVE_TTL_MS = 3600 * 1000
ENDED_TTL_MS = 600 * 1000
_CLOSE_WITHIN_S = 0.5
_FIRST_PAUSE_S = 0.01
_LONGEST_PAUSE_S = 0.25


class RunPublisher:
    """The owner's side of a run's stream.

    Rules for the owner: `emit`, `reserve` and `release` are called in the order in which viewers shall see things, from
    one event loop. Durable events are committed in the order of their reservations. In each epoch, chunks of a message
    come after its model_call_started or a message_reset of it.
    """

    def __init__(
        self,
        tail: WritableTail,
        epoch: int,
        clock: Clock,
        on_fenced: Callable[[], None],
        footprint: Footprint | None = None,
    ) -> None:
        self._tail = tail
        self._epoch = epoch
        self._clock = clock
        self._on_fenced = on_fenced
        self._n = 0
        self._backlog = Backlog(epoch)
        self._slots: dict[int, tuple[Slot, Sequence[RunEvent]]] = {}
        self._transcript = Transcript()
        self._footprint = footprint or Footprint()
        self._before: EventId | None = None
        self._torn = False
        self._over = False
        self._ended = False
        self._work = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._task: asyncio.Task[None] | None = None

    def start(self, tasks: Supervisor) -> None:
        """Begins to publish, in the background."""
        self._task = tasks.start("publish", self._run)

    def emit(self, event: RunEvent) -> None:
        """Shows a live event. Never waits; while Redis is away it may be dropped."""
        if self._over or self._ended:
            return
        waiting = self._stamp(event, durable=False)[1]
        if not self._backlog.add(waiting):
            self._torn = True
        self._idle.clear()
        self._work.set()

    def reserve(self, events: Sequence[RunEvent]) -> list[Stamped]:
        """Gives durable events their ids, to be stored with them. Nothing behind them is shown before `release`."""
        stamped = [self._stamp(event, durable=True) for event in events]
        if stamped:
            slot = self._backlog.reserve([waiting for _, waiting in stamped])
            self._slots[stamped[0][0].n] = slot, events
        return [row for row, _ in stamped]

    def release(self, stamped: Sequence[Stamped], *, written: bool) -> None:
        """Shows what was reserved. Not `written`, or not known to be: its ids are burnt, readers ask Postgres."""
        if not stamped:
            return
        slot, events = self._slots.pop(stamped[0].n)
        for event in events:
            self._transcript.settle(event, written=written)
        if not written:
            slot.events = []
            self._torn, self._ended = True, False
        slot.settled = True
        self._idle.clear()
        self._work.set()

    async def flush(self, within_s: float = _CLOSE_WITHIN_S) -> bool:
        """Waits until everything that may be shown is in the tail; False: it took longer than that."""
        try:
            async with asyncio.timeout(within_s):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    async def close(self) -> None:
        """Flushes, leaves the tail its time to live, and ends."""
        await self.flush()
        self._over = True
        if self._task is not None:
            self._task.cancel()
        if self._ended:
            with suppress(WireDown):  # then it keeps the hour that its last entry gave it
                await self._tail.expire(ENDED_TTL_MS)

    def _stamp(self, event: RunEvent, *, durable: bool) -> tuple[Stamped, Waiting]:
        self._n += 1
        at_ms = int(self._clock.now().timestamp() * 1000)
        payload = encode(event, EventId(self._epoch, self._n), at_ms, durable=durable)
        self._transcript.note(event, self._n)
        terminal = isinstance(event, RunEnded)
        self._ended = self._ended or terminal
        return Stamped(self._n, payload), Waiting(self._n, frame(payload), terminal)

    async def _run(self) -> None:
        while not self._over:
            entry = self._backlog.take()
            if entry is None:
                self._work.clear()
                self._idle.set()
                await self._work.wait()
                continue
            await self._deliver(entry)
            if self._torn:
                self._retell()

    async def _deliver(self, entry: Entry) -> None:
        """Repeats an entry until it is in the tail, however long Redis is away."""
        pause = _FIRST_PAUSE_S
        while True:
            try:
                answer = await self._tail.append(entry, self._before, LIVE_TTL_MS)
            except WireDown:
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE_S)
                continue
            if answer != LOST:
                break
            self._before, self._torn = None, True
            self._footprint.forget()
        if isinstance(answer, int):
            await self._account(entry, answer)
        elif answer != entry.id:  # else an earlier attempt had come through
            self._fence()
        self._before = entry.id

    async def _account(self, entry: Entry, found: int) -> None:
        first = EventId(self._epoch, entry.first)
        if found:
            self._footprint.inherit(first, found - len(entry.payload))
        below = self._footprint.add(entry.id, len(entry.payload))
        if below is None:
            return
        if below.epoch == self._epoch and self._transcript.began_before(below.n):
            self._torn = True
        with suppress(WireDown):  # then the tail is lost, or trimmed by the next stretch
            await self._tail.trim(below)

    def _retell(self) -> None:
        """Makes open messages whole for readers whose chunks were lost."""
        self._torn = False
        for event in self._transcript.retell():
            self.emit(event)

    def _fence(self) -> None:
        self._over = True
        self._idle.set()
        self._on_fenced()
