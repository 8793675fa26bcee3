"""The one way in which a run writes: ids for its events, one fenced statement, what it owes, then events to viewers.

Writes of a run come one after the other. A write repeats while Postgres is away, holding what was paid for; whether one
that broke off had happened is told by its own rows: the ids of its events are unique.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from services.agent.codec.rows import encode_charges, encode_messages
from services.agent.domain.events import RunEvent
from services.agent.domain.journal import CallRecord, StepRecord
from services.agent.domain.rows import Charge, MessageRow
from services.agent.domain.run import Ending, Run
from services.agent.engine.courier import Courier
from services.agent.engine.patience import until_stored
from services.agent.errors import Fenced, StopRequested
from services.agent.ports import Fence, JournalStore, Owed, Publisher, Wal, Writes
from services.kit.pauses import Pauses
from services.kit.postgres import StorageConflict, StorageUnavailable, UniqueViolation

logger = structlog.get_logger()

Copy = tuple[str, Callable[[], bytes]]
"""What is kept elsewhere while Postgres is away: its key, and how it is made."""

ACKNOWLEDGED_WITHIN_S = 0.25
"""For how long events of stored rows wait for threads to have them."""


class RunLog:
    """A run's writes."""

    def __init__(
        self,
        run: Run,
        journal: JournalStore,
        publisher: Publisher,
        courier: Courier,
        wal: Wal,
        kept: bool,
        fresh: Callable[[], Awaitable[None]],
    ) -> None:
        self._run = run
        self._fence = Fence(run.run_id, run.epoch, run.account_id)
        self._journal = journal
        self._publisher = publisher
        self._courier = courier
        self._wal = wal
        self._kept = kept
        self._fresh = fresh
        self._lane = asyncio.Lock()
        self._released = False
        self._away = False
        self.finishing = False
        """The terminal is being written: that the run is owned no longer may be its own doing."""

    @property
    def unwritten(self) -> bool:
        """Whether a write waits for Postgres to be back."""
        return self._away

    def emit(self, event: RunEvent) -> None:
        """Shows a live event; never waits."""
        self._publisher.emit(event)

    async def begin_step(
        self, step: StepRecord, input_hash: bytes, events: Sequence[RunEvent] = (), wasted: Sequence[Charge] = ()
    ) -> None:
        """INTENT of a model call. Raises StopRequested, Fenced."""
        await self._fresh()
        owed = [self._charges(wasted, release=False)] if wasted else []
        await self._write(lambda w: self._journal.begin_step(self._fence, step, input_hash, w), events, owed)

    async def begin_calls(self, calls: Sequence[CallRecord], events: Sequence[RunEvent]) -> None:
        """INTENT of tool calls. Raises StopRequested, Fenced."""
        await self._fresh()
        await self._write(lambda w: self._journal.begin_calls(self._fence, calls, w), events, [])

    async def finish_step(
        self,
        step: StepRecord,
        planned: Sequence[CallRecord],
        dropped: Sequence[int],
        events: Sequence[RunEvent],
        rows: Sequence[MessageRow],
        charge: Charge | None,
        copy: Copy,
        *,
        last: bool,
    ) -> None:
        """RESULT of a model call; `last`: the run spends nothing any more. `copy` is what is kept elsewhere under its
        key while Postgres is away. Raises Fenced."""
        owed = [Owed("messages", encode_messages(self._run, rows))] if rows else []
        if charge:
            owed.append(self._charges([charge], release=last))
        self._released = self._released or (last and charge is not None)
        await self._write(
            lambda w: self._journal.finish_step(self._fence, step, planned, dropped, w), events, owed, copy
        )
        if self._kept:
            self._kept = False
            await self._wal.drop(self._run.run_id)

    async def finish_calls(
        self, calls: Sequence[CallRecord], events: Sequence[RunEvent], rows: Sequence[MessageRow]
    ) -> None:
        """RESULT of tool calls. Raises Fenced."""
        owed = [Owed("messages", encode_messages(self._run, rows))]
        await self._write(lambda w: self._journal.finish_calls(self._fence, calls, w), events, owed)

    async def delivered(self, within_s: float | None) -> bool:
        """Waits until threads has acknowledged every row; False: it took longer than that."""
        return await self._courier.messages_settled(within_s)

    async def charged(self, within_s: float) -> bool:
        """The same of billing."""
        return await self._courier.charges_settled(within_s)

    async def finish_run(self, ending: Ending, events: Sequence[RunEvent], wasted: Sequence[Charge] = ()) -> bool:
        """The terminal. True: another run of the thread waits. Raises Fenced."""
        owed = [] if self._released else [self._charges(wasted, release=True)]
        more = False

        async def write(writes: Writes) -> int:
            nonlocal more
            more = await self._journal.finish_run(self._fence, ending, writes)
            return -1

        self.finishing = True
        await self._write(write, events, owed)
        return more

    def _charges(self, charges: Sequence[Charge], *, release: bool) -> Owed:
        run = self._run
        return Owed("charges", encode_charges(run.account_id, run.run_id, run.thread_id, charges, release=release))

    async def _write(
        self,
        write: Callable[[Writes], Awaitable[int]],
        events: Sequence[RunEvent],
        owed: Sequence[Owed],
        copy: Copy | None = None,
    ) -> None:
        async with self._lane:
            stamped = self._publisher.reserve(events)
            try:
                base = await self._repeat(write, Writes(stamped, owed), copy)
                if base is None:
                    await self._owe_again()
                elif base >= 0:
                    self._courier.owe(base, len(stamped), owed)
            except BaseException:
                self._publisher.release(stamped, written=False)
                raise
            finally:
                self._away = False
        if stamped and any(row.kind == "messages" for row in owed):
            await self._courier.messages_settled(ACKNOWLEDGED_WITHIN_S)
        self._publisher.release(stamped, written=True)

    async def _repeat(self, write: Callable[[Writes], Awaitable[int]], writes: Writes, copy: Copy | None) -> int | None:
        """The write's base; None when an attempt that broke off had happened after all."""
        broken = copied = False
        pauses = Pauses(0.05, 1.0)
        while True:
            try:
                try:
                    return await write(writes)
                except (UniqueViolation, Fenced, StopRequested):
                    if broken and writes.events and await self._journal.recorded(self._fence, writes.events[-1].n):
                        return None
                    raise
            except (StorageUnavailable, StorageConflict) as away:
                if copy and not copied:
                    self._kept = True
                    copied = await self._wal.keep(self._run.run_id, copy[0], copy[1]())
                broken = self._away = True
                cause, pause = type(away.__cause__).__name__, pauses.next()
                logger.warning("run.storage_away", run_id=str(self._run.run_id), cause=cause, retry_in_s=pause)
                await asyncio.sleep(pause)

    async def _owe_again(self) -> None:
        """Takes what is owed from the outbox itself: its numbers were lost with the answer."""
        journal = await until_stored(lambda: self._journal.load(self._run.run_id))
        for row in journal.owed:
            self._courier.add(row)
