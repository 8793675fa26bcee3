"""Ends a run from outside, whoever owns it: its epoch is raised with its terminal, so that its owner writes no more.

For runs that kill their workers, and for operators. What was paid for an answer that nobody will finish is waste; tool
calls that are under way are cancelled.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from uuid import UUID

import structlog

from services.agent.codec.events import encode_event
from services.agent.codec.rows import encode_charges
from services.agent.domain.journal import Journal
from services.agent.domain.run import Ending, Run
from services.agent.engine import bill, endings
from services.agent.engine.conversation import call_key
from services.agent.ports import AnnounceEnd, Fence, Hints, JournalStore, Owed, OwnershipStore, Stamped, Tools
from services.kit.context import acting_for
from services.kit.errors import MeshError

log = structlog.get_logger()

Write = Callable[[Fence, Ending, Stamped, Owed], Awaitable[bool]]


class EndRun:
    """The use case."""

    def __init__(
        self,
        ownership: OwnershipStore,
        journal: JournalStore,
        tools: Tools,
        hints: Hints,
        announce: AnnounceEnd,
        now: Callable[[], datetime],
    ) -> None:
        self._ownership = ownership
        self._journal = journal
        self._tools = tools
        self._hints = hints
        self._announce = announce
        self._now = now

    async def poisoned(self, run: Run) -> bool:
        """Ends a run that nobody could execute, with a dead letter. False: somebody was faster."""
        return await self._end(run, endings.POISON, self._ownership.end_poisoned)

    async def __call__(self, run: Run, ending: Ending) -> bool:
        """Ends a run. False: it changed hands or ended meanwhile."""
        return await self._end(run, ending, self._ownership.end)

    async def _end(self, run: Run, ending: Ending, write: Write) -> bool:
        journal = await self._journal.load(run.run_id)
        event = encode_event(
            endings.terminal(ending), run.epoch + 1, 1, round(self._now().timestamp() * 1000), durable=True
        ).SerializeToString()
        wasted = bill.lost_in(run.run_id, run.model, journal)
        owed = Owed("charges", encode_charges(run.account_id, run.run_id, run.thread_id, wasted, release=True))
        fence = Fence(run.run_id, run.epoch, run.account_id)
        if not await write(fence, ending, Stamped(1, event), owed):
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


def _open_calls(run_id: UUID, journal: Journal) -> list[str]:
    return [call_key(run_id, call.step_no, call.ordinal) for call in journal.calls if call.state == "started"]
