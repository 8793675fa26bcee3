"""From SIGTERM to an empty worker: nothing more is claimed, runs end or are handed over.

A run is given back between two steps, or cut where it is when the grace is over; whoever claims it next is told at once
and burns no attempt. What waits for Postgres even then is left to its lease; a paid answer has its second copy in Redis
by that time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Final
from uuid import UUID

import structlog

from services.agent.engine.execution import Execution

log = structlog.get_logger()

CUT_S: Final = 3.0
"""For how long runs that are cut may take to give themselves back."""
END_S: Final = 1.0
"""For how long those that are left behind may take to end."""


class WorkerLifecycle:
    """The runs in this worker's hands, and its leaving."""

    def __init__(self) -> None:
        self.leaving = False
        self.claiming = asyncio.Lock()
        """Held from a claim to the beginning of its runs."""
        self._executions: dict[UUID, tuple[Execution, asyncio.Task[None]]] = {}
        self._empty = asyncio.Event()
        self._empty.set()

    def __len__(self) -> int:
        return len(self._executions)

    def __iter__(self) -> Iterator[Execution]:
        return iter([execution for execution, _ in self._executions.values()])

    def find(self, run_id: UUID) -> tuple[Execution, asyncio.Task[None]] | None:
        """A run and the task that executes it under its highest epoch."""
        return self._executions.get(run_id)

    def add(self, execution: Execution, task: asyncio.Task[None]) -> None:
        """A run begins, in the place of an earlier execution of it; one that was claimed while the worker was told to
        leave goes back at once."""
        if self.leaving:
            execution.interrupt.trigger("drain")
        self._executions[execution.claim.run_id] = (execution, task)
        self._empty.clear()

    def remove(self, execution: Execution) -> None:
        """It ended here; nothing where another one took its place."""
        run_id = execution.claim.run_id
        held = self._executions.get(run_id)
        if held and held[0] is execution:
            del self._executions[run_id]
        if not self._executions:
            self._empty.set()

    async def drain(self, grace_s: float) -> None:
        """Leaves: runs go back at their next boundary between steps, and at the end of the grace at the latest. Returns
        within that, CUT_S and END_S, whatever is away."""
        self.leaving = True
        for execution in self:
            execution.interrupt.leaving = True
        if await self._emptied(grace_s):
            return
        for execution in self:
            execution.interrupt.trigger("drain")
        if await self._emptied(CUT_S):
            return
        for execution, task in self._executions.values():
            log.warning("run.left_behind", run_id=str(execution.claim.run_id), epoch=execution.claim.epoch)
            task.cancel()
        await self._emptied(END_S)

    async def _emptied(self, within_s: float) -> bool:
        """Whether no claim is under way any more, nor a run, within so many seconds."""
        try:
            async with asyncio.timeout(within_s):
                async with self.claiming:  # whose runs are here afterwards
                    pass
                await self._empty.wait()
        except TimeoutError:
            return False
        return True
