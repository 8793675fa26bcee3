"""From SIGTERM to an empty worker: nothing more is claimed, runs end or are handed over.

A run is given back between two steps, or cut where it is when the grace is over; whoever claims it next is told at once
and burns no attempt.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from uuid import UUID

from services.agent.engine.execution import Execution


class WorkerLifecycle:
    """The runs in this worker's hands, and its leaving."""

    def __init__(self) -> None:
        self.leaving = False
        self._executions: dict[UUID, tuple[Execution, asyncio.Task[None]]] = {}
        self._empty = asyncio.Event()
        self._empty.set()

    def __len__(self) -> int:
        return len(self._executions)

    def __iter__(self) -> Iterator[Execution]:
        return iter([execution for execution, _ in self._executions.values()])

    def find(self, run_id: UUID) -> tuple[Execution, asyncio.Task[None]] | None:
        """A run and the task that executes it."""
        return self._executions.get(run_id)

    def add(self, execution: Execution, task: asyncio.Task[None]) -> None:
        """A run begins; one that was claimed while the worker was told to leave goes back at once."""
        if self.leaving:
            execution.interrupt.trigger("drain")
        self._executions[execution.claim.run_id] = (execution, task)
        self._empty.clear()

    def remove(self, execution: Execution) -> None:
        """It ended here. What this worker claimed again meanwhile stays."""
        held = self.find(execution.claim.run_id)
        if held and held[0] is execution:
            del self._executions[execution.claim.run_id]
        if not self._executions:
            self._empty.set()

    async def drain(self, grace_s: float) -> None:
        """Leaves: runs go back at their next boundary between steps, and at the end of the grace at the latest."""
        self.leaving = True
        for execution in self:
            execution.interrupt.leaving = True
        try:
            async with asyncio.timeout(grace_s):
                await self._empty.wait()
        except TimeoutError:
            for execution in self:
                execution.interrupt.trigger("drain")
            await self._empty.wait()
