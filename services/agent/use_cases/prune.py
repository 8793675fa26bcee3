"""Forgets what ended runs no longer need: journals, events and delivered outbox rows, after the retention."""

from __future__ import annotations

import asyncio
import random
from typing import Final

import structlog

from services.agent.operations_ports import OperationsStore
from services.agent.ports import OutboxStore

log = structlog.get_logger()

INTERVAL_S: Final = 600.0
BATCH: Final = 500
REPORTS_KEPT_S: Final = 86_400.0


class Prune:
    """Whole runs at a time, a batch a statement. The run's own row stays, as its owner's history, and its terminal
    event: without one a viewer would take the end of the stream for a cut, and resume for ever."""

    def __init__(self, outbox: OutboxStore, operations: OperationsStore, retention_days: float) -> None:
        self._outbox = outbox
        self._operations = operations
        self._retention_days = retention_days

    async def run(self) -> None:
        """Looks every ten minutes until cancelled."""
        while True:
            await asyncio.sleep(INTERVAL_S * random.uniform(0.5, 1.5))  # noqa: S311 -- jitter, not a secret
            pruned = await self._outbox.prune(self._retention_days, BATCH)
            await self._operations.prune(REPORTS_KEPT_S)
            if pruned:
                log.info("runs.pruned", runs=pruned)
