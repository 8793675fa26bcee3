"""The pipeline at a glance: figures of the database, and what the processes that live reported last."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from services.agent.domain.operations import (
    STUCK_MINUTES,
    BreakerState,
    Minute,
    PipelineFigures,
    ProcessState,
    merged_breakers,
)
from services.agent.errors import PipelineUnhealthy
from services.agent.operations_ports import BreakerReset, OperationsStore
from services.agent.stream.wal import StreamWal, WalStats
from services.kit.errors import Unavailable

WAITS_TOO_LONG_S: Final = 60.0
"""A run that nobody executes for so long, although somebody could: the pipeline does not work."""
MISSED: Final = 3
"""Reports after which a process is taken for gone."""
MINUTES: Final = 30


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Everything."""

    figures: PipelineFigures
    processes: tuple[ProcessState, ...]
    stuck: int
    wal: WalStats | None
    """None: Redis is away."""

    @property
    def workers(self) -> list[ProcessState]:
        """The processes that execute runs."""
        return [process for process in self.processes if process.work]

    @property
    def alerts(self) -> list[str]:
        """What somebody should look at."""
        figures = self.figures
        found = {
            f"{figures.orphaned} runs are without an owner": figures.orphaned,
            f"{self.stuck} runs do not get on": self.stuck,
            f"{figures.dead_letters} dead letters wait for a decision": figures.dead_letters,
            "No worker has reported lately": not self.workers,
            "Redis is away": self.wal is None,
            **{f"The circuit of {breaker.name} is open": breaker.state == "open" for breaker in self.breakers},
        }
        return [alert for alert, applies in found.items() if applies]

    @property
    def breakers(self) -> list[BreakerState]:
        """Of all processes of the agent, by dependency."""
        return merged_breakers(self.processes)

    @property
    def healthy(self) -> bool:
        """Whether runs that could be executed are."""
        return bool(self.workers) or self.figures.oldest_waiting_s < WAITS_TOO_LONG_S


class ShowPipeline:
    """The use case. `interval_s`: of the processes' reports."""

    def __init__(self, store: OperationsStore, wal: StreamWal, resets: BreakerReset, interval_s: float) -> None:
        self._store = store
        self._wal = wal
        self._resets = resets
        self._within_s = MISSED * interval_s

    async def all(self) -> Pipeline:
        """Everything at a glance."""
        stuck = await self._store.count_stuck(STUCK_MINUTES)
        try:
            wal = await self._wal.stats()
        except Unavailable:
            wal = None
        return Pipeline(await self._store.figures(), await self.processes(), stuck, wal)

    async def health(self) -> Pipeline:
        """Raises PipelineUnhealthy."""
        pipeline = Pipeline(await self._store.figures(), await self.processes(), 0, None)
        if not pipeline.healthy:
            raise PipelineUnhealthy(
                "Runs wait and no worker lives", params={"oldest_s": round(pipeline.figures.oldest_waiting_s)}
            )
        return pipeline

    async def processes(self) -> tuple[ProcessState, ...]:
        """Those that reported lately."""
        return await self._store.processes(self._within_s)

    async def breakers(self) -> list[BreakerState]:
        """Of all processes of the agent, by dependency."""
        return merged_breakers(await self.processes())

    async def wal_stats(self) -> WalStats:
        """Raises CacheUnavailable."""
        return await self._wal.stats()

    async def history(self, minutes: int | None) -> tuple[list[Minute], int]:
        """Minute by minute, and for how many."""
        minutes = minutes or MINUTES
        return await self._store.history(minutes), minutes

    async def reset_breakers(self, subject: UUID) -> None:
        """Closes those of all processes of the agent. Raises CacheUnavailable where they can not be told."""
        await self._store.act(subject, "breakers.reset", "", "")
        await self._resets.reset()
