"""What operators' use cases need: the pipeline's store, and a word to all its processes."""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

from services.agent.domain.operations import (
    ActiveThread,
    DeadLetter,
    Minute,
    PipelineFigures,
    ProcessState,
    RunDetail,
    StaleRuns,
    Swept,
)


class OperationsStore(Protocol):
    """The pipeline as operators see it. Driver errors never leave it."""

    async def act(self, subject: UUID, act: str, target: str, why: str) -> None:
        """Writes down what an operator is about to do; nothing is ever changed or deleted there."""

    async def detail(self, run_id: UUID, ttl_s: float) -> RunDetail | None:
        """A run as its lease shows it."""

    async def stuck(self, min_age_minutes: int, ttl_s: float, limit: int) -> list[RunDetail]:
        """Runs that do not get on, oldest first, each with a reason."""

    async def count_stuck(self, min_age_minutes: int) -> int:
        """How many they are."""

    async def stale(self) -> StaleRuns:
        """Runs that should have ended, or go on for very long."""

    async def active_threads(self, limit: int) -> list[ActiveThread]:
        """Threads with a run that has not ended."""

    async def resume(self, run_id: UUID) -> bool:
        """Takes a running run from its owner, with all its attempts before it; False: it does not run."""

    async def sweep(self, ttl_s: float) -> Swept:
        """Frees the runs of owners that are gone, none within one ttl of storage's start; how many, and what else does
        not get on."""

    async def letters(self, run_id: UUID | None, before: int | None, limit: int) -> list[DeadLetter]:
        """Dead letters that are not settled, newest first."""

    async def letter_kind(self, letter_id: int) -> str | None:
        """What a letter is of, settled or not."""

    async def retry(self, letter_id: int) -> None:
        """Puts a dead one back into the outbox, due now."""

    async def discard(self, letter_id: int) -> None:
        """Gives a dead one up."""

    async def purge(self, older_than_hours: int) -> int:
        """Gives all up that died so long ago."""

    async def figures(self) -> PipelineFigures:
        """The database's figures."""

    async def prune(self, older_than_s: float) -> None:
        """Deletes older reports of processes."""

    async def processes(self, within_s: float) -> tuple[ProcessState, ...]:
        """What each process said last, if that is not longer ago."""

    async def history(self, minutes: int) -> list[Minute]:
        """What each process said last in each minute, oldest first."""


class BreakerReset(Protocol):
    """Reaches all processes of the agent."""

    async def reset(self) -> None:
        """Has them close their circuit breakers. Raises CacheUnavailable."""
