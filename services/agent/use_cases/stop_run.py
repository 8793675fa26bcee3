"""Asks runs to stop: durable before it is answered, then a hint to the owner."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from services.agent.codec.events import encode_event
from services.agent.codec.rows import encode_charges
from services.agent.domain.run import Run, StopReason
from services.agent.engine import endings
from services.agent.errors import ReadOnlyProject
from services.agent.ports import AnnounceEnd, Hints, Owed, RunStore, Stamped, Tools
from services.agent.use_cases.see_run import SeeRun


class StopRun:
    """A queued run ends in the same statement; a running one is ended by its owner."""

    def __init__(
        self,
        store: RunStore,
        see: SeeRun,
        tools: Tools,
        hints: Hints,
        announce: AnnounceEnd,
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._tools = tools
        self._see = see
        self._hints = hints
        self._announce = announce
        self._now = now

    async def __call__(self, account_id: UUID, run_id: UUID) -> Run:
        """The run as it then is. Raises RunNotFound, ReadOnlyProject."""
        run, access = await self._see(account_id, run_id)
        if access != "owner":
            raise ReadOnlyProject("Only its owner can stop a run of this project", params={"agent_run_id": str(run_id)})
        return await self._stop(run, "user")

    async def threads_deleted(self, thread_ids: Sequence[UUID]) -> int:
        """Stops the live runs of deleted threads, and has tools forget them; how many there were."""
        run_ids = await self._store.active_of_threads(thread_ids)
        for run_id in run_ids:
            run = await self._store.get(run_id)
            if run is not None:
                await self._stop(run, "deleted")
        await self._tools.forget(thread_ids)
        return len(run_ids)

    async def interrupt(self, run_id: UUID) -> None:
        """Carries through what was asked of a run in favour of a later one."""
        run = await self._store.get(run_id)
        if run is not None:
            await self._stop(run, "interrupted")

    async def _stop(self, run: Run, reason: StopReason) -> Run:
        if not run.is_active:
            return run
        ended = endings.terminal(endings.of_interrupt(reason))
        event = encode_event(ended, 1, 1, round(self._now().timestamp() * 1000), durable=True)
        release = encode_charges(run.account_id, run.run_id, run.thread_id, [], release=True)
        stopped = await self._store.request_stop(
            run.run_id, reason, Stamped(1, event.SerializeToString()), Owed("charges", release)
        )
        if stopped is not None and stopped.status == "stopped":
            await self._announce(run.run_id, stopped.epoch, event.SerializeToString())
            await self._hints.work()
        else:
            await self._hints.stop(run.run_id, reason)
        return stopped or run
