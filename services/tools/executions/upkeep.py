"""What goes on beside the calls: leases, executions left behind, old results."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from services.kit.logging import get_logger
from services.kit.tasks import Supervisor
from services.tools.executions.executor import Executor
from services.tools.ports import ExecutionStore, TaskLists

log = get_logger()

_SWEEP_LIMIT = 20
_PRUNE_EVERY_S = 3600.0
_PRUNE_LIMIT = 1000
# A caller that comes just after the deadline gets a better answer than the sweep could give.
_GRACE_S = 30.0


@dataclass(frozen=True, slots=True)
class Upkeep:
    """Jobs for the supervisor. Periods in seconds."""

    executor: Executor
    store: ExecutionStore
    task_lists: TaskLists
    beat_s: float
    sweep_s: float
    retention_s: float

    def start(self, supervisor: Supervisor) -> None:
        """Keeps all of them running."""
        supervisor.start("execution_beat", lambda: _every(self.beat_s, self.executor.beat))
        supervisor.start("execution_sweep", lambda: _every(self.sweep_s, self.sweep))
        supervisor.start("execution_prune", lambda: _every(_PRUNE_EVERY_S, self.prune))

    async def sweep(self) -> None:
        """Settles what was left behind."""
        settled = await self.executor.settle_overdue(_GRACE_S, _SWEEP_LIMIT)
        if settled:
            log.info("execution.overdue_settled", count=settled)

    async def prune(self) -> None:
        """Deletes old results, in small portions, and what was written late for deleted threads."""
        while await self.store.prune(self.retention_s, _PRUNE_LIMIT) == _PRUNE_LIMIT:
            log.info("execution.pruned", count=_PRUNE_LIMIT)
        await self.task_lists.prune(self.retention_s)


async def _every(period_s: float, work: Callable[[], Awaitable[None]]) -> None:
    while True:
        await work()
        await asyncio.sleep(period_s)
