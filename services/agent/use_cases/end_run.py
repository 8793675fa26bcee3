"""Ends a run from outside, whoever owns it: its epoch is raised with its terminal, so that its owner writes no more.

For runs that kill their workers, and for operators. What was paid for an answer that nobody will finish is waste; tool
calls that are under way are cancelled. Both are read from the journal: the end is refused where the owner, which may
well live, wrote to it since.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Final
from uuid import UUID

import structlog

from services.agent.codec.events import encode_event
from services.agent.codec.rows import encode_charges
from services.agent.domain.journal import Journal, OwedRow
from services.agent.domain.run import Ending, Run
from services.agent.engine import bill, endings
from services.agent.engine.conversation import call_key
from services.agent.ports import AnnounceEnd, Fence, Hints, JournalStore, Owed, OwnershipStore, Stamped, Tools
from services.kit.context import acting_for
from services.kit.errors import Aborted, MeshError

log = structlog.get_logger()

Write = Callable[[Fence, int, Ending, Stamped, Owed], Awaitable[bool]]
Deliver = Callable[[Run, Sequence[OwedRow], float], Awaitable[None]]
"""Brings rows to threads, for at most so many seconds."""

TRIES: Final = 20
"""To meet a moment in which the owner writes nothing; each takes milliseconds, and a step takes longer."""
DELIVERED_WITHIN_S: Final = 2.0
"""For how long an end waits for threads, as a stop does."""


class EndRun:
    """The use case."""

    def __init__(
        self,
        ownership: OwnershipStore,
        journal: JournalStore,
        tools: Tools,
        hints: Hints,
        announce: AnnounceEnd,
        deliver: Deliver,
        now: Callable[[], datetime],
    ) -> None:
        self._ownership = ownership
        self._journal = journal
        self._tools = tools
        self._hints = hints
        self._announce = announce
        self._deliver = deliver
        self._now = now

    async def poisoned(self, run: Run, ttl_s: float) -> bool:
        """Ends a run that nobody could execute, with a dead letter. False: somebody was faster. What it owes has been
        the relay's for as long as its lease is over."""
        return await self._end(run, endings.POISON, partial(self._ownership.end_poisoned, ttl_s=ttl_s), 0.0)

    async def __call__(self, run: Run, ending: Ending) -> bool:
        """Ends a run, once threads has its rows or that took too long. False: it changed hands or ended meanwhile.
        Raises Aborted where its owner never stops to write."""
        deliver_until = asyncio.get_running_loop().time() + DELIVERED_WITHIN_S
        for _ in range(TRIES):
            if await self._end(run, ending, self._ownership.end, deliver_until):
                return True
            if await self._ownership.last_seq(_fence(run)) is None:
                return False
        raise Aborted("The run goes on too fast to be ended between two writes", retry_after_s=1)

    async def _end(self, run: Run, ending: Ending, write: Write, deliver_until: float) -> bool:
        last_seq = await self._ownership.last_seq(_fence(run))
        if last_seq is None:
            return False
        journal = await self._journal.load(run.run_id)
        await self._deliver(run, journal.owed, deliver_until - asyncio.get_running_loop().time())
        event = encode_event(
            endings.terminal(ending), run.epoch + 1, 1, round(self._now().timestamp() * 1000), durable=True
        ).SerializeToString()
        wasted = bill.lost_in(run.run_id, run.model, journal)
        owed = Owed("charges", encode_charges(run.account_id, run.run_id, run.thread_id, wasted, release=True))
        if not await write(_fence(run), last_seq, ending, Stamped(1, event), owed):
            return False
        log.warning("run.ended_from_outside", run_id=str(run.run_id), status=ending.status, reason=ending.reason)
        await self._announce(run.run_id, run.epoch + 1, event)
        await self._cancel_calls(run, journal)
        await self._hints.work()
        return True

    async def _cancel_calls(self, run: Run, journal: Journal) -> None:
        epoch = run.epoch + 1
        with acting_for(str(run.account_id), run_id=str(run.run_id), epoch=epoch):
            for key in _open_calls(run.run_id, journal):
                try:
                    await self._tools.cancel(key, epoch)
                except MeshError as failed:  # its deadline ends it then
                    log.warning("tool.cancel_failed", key=key, reason=failed.reason)


def _fence(run: Run) -> Fence:
    return Fence(run.run_id, run.epoch, run.account_id)


def _open_calls(run_id: UUID, journal: Journal) -> list[str]:
    return [call_key(run_id, call.step_no, call.ordinal) for call in journal.calls if call.state == "started"]
