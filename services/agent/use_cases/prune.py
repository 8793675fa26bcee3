"""Forgets what ended runs no longer need: journals, events and delivered outbox rows, after the retention."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from services.agent.operations_ports import OperationsStore
from services.agent.ports import OutboxStore

log = structlog.get_logger()

INTERVAL_S: Final = 600.0
BATCH: Final = 100
"""Of runs: what a statement deletes is many rows of each, and it has ten seconds."""
PAUSE_S: Final = 0.2
"""Between two batches: whoever has work for the database comes first."""
REPORTS_KEPT_S: Final = 86_400.0


class Prune:
    """Whole runs at a time, a batch a statement. The run's own row stays, as its owner's history, and its terminal
    event: without one a viewer would take the end of the stream for a cut, and resume for ever."""

    def __init__(self, outbox: OutboxStore, operations: OperationsStore, retention_days: float) -> None:
        self._outbox = outbox
        self._operations = operations
        self._retention_days = retention_days

    async def run(self) -> None:
        """Looks every ten minutes, and until nothing is left, until cancelled."""
        while True:
            await asyncio.sleep(INTERVAL_S * random.uniform(0.5, 1.5))  # noqa: S311 -- jitter, not a secret
            await self._operations.prune(REPORTS_KEPT_S)
            runs = await self._all(self._outbox.prune)
            letters = await self._all(self._outbox.prune_letters)
            if runs or letters:
                log.info("runs.pruned", runs=runs, letters=letters)

    async def _all(self, prune: Callable[[float, int], Awaitable[int]]) -> int:
        """How many there were."""
        count = last = await prune(self._retention_days, BATCH)
        while last == BATCH:
            await asyncio.sleep(PAUSE_S)
            count += (last := await prune(self._retention_days, BATCH))
        return count
