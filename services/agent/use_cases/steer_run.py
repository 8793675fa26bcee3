"""What an operator does with one run: has another worker go on with it, or ends it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from services.agent.domain.run import Ending, Run
from services.agent.errors import RunNotFound
from services.agent.operations_ports import OperationsStore
from services.agent.ports import Hints, RunStore
from services.agent.use_cases.end_run import EndRun

Action = Literal["resume", "complete", "fail"]


@dataclass(frozen=True, slots=True)
class Steered:
    """What became of it; `error` says why not."""

    run_id: UUID
    action: Action
    message: str | None = None
    error: str | None = None


class SteerRun:
    """The use case. Every act is written down before it is done."""

    def __init__(self, runs: RunStore, store: OperationsStore, end: EndRun, hints: Hints) -> None:
        self._runs = runs
        self._store = store
        self._end = end
        self._hints = hints

    async def resume(self, subject: UUID, run_id: UUID) -> Steered:
        """The same run goes on under a higher epoch, with all its attempts; its owner, if it lives, is fenced off."""
        run = await self._get(run_id)
        await self._store.act(subject, "resume", str(run_id), "")
        if await self._store.resume(run_id):
            await self._hints.work()
            return Steered(run_id, "resume", "The next worker goes on with it")
        error = "It waits for its turn" if run.status == "queued" else "It has ended"
        return Steered(run_id, "resume", error=error)

    async def complete(self, subject: UUID, run_id: UUID, reason: str) -> Steered:
        """Ends it as completed."""
        return await self._finish(subject, run_id, "complete", reason, Ending("completed", "admin", reason))

    async def fail(self, subject: UUID, run_id: UUID, error: str) -> Steered:
        """Ends it as failed."""
        return await self._finish(subject, run_id, "fail", error, Ending("failed", "admin", error, "INTERNAL_ERROR"))

    async def _finish(self, subject: UUID, run_id: UUID, action: Action, why: str, ending: Ending) -> Steered:
        run = await self._get(run_id)
        await self._store.act(subject, action, str(run_id), why)
        while run.is_active:
            if await self._end(run, ending):
                return Steered(run_id, action, f"The run has {ending.status}")
            run = await self._get(run_id)  # it changed hands meanwhile
        return Steered(run_id, action, error=f"It has ended already: {run.status}")

    async def _get(self, run_id: UUID) -> Run:
        run = await self._runs.get(run_id)
        if run is None:
            raise RunNotFound("Agent run not found", params={"agent_run_id": str(run_id)})
        return run
