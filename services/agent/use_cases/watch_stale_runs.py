"""Looks for runs that should have ended long ago, or that go on for very long, and says so: nobody has to ask.

Nothing is done about them here: leases, deadlines and operators end runs. Every process that serves the API looks, so
that somebody does where no worker lives.
"""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from functools import cache
from typing import Final

import structlog
from prometheus_client import REGISTRY, Gauge

from services.agent.domain.operations import StaleRuns
from services.agent.operations_ports import OperationsStore
from services.kit.errors import Unavailable

log = structlog.get_logger()

EVERY_S: Final = 60.0


class WatchStaleRuns:
    """Looks once a minute; a change is logged."""

    def __init__(self, store: OperationsStore) -> None:
        self._store = store
        self.last = StaleRuns()
        """As they were found at the last look."""

    async def run(self) -> None:
        """Watches for ever."""
        while True:
            with suppress(Unavailable):  # the next look will tell
                await self.look()
            await asyncio.sleep(EVERY_S * random.uniform(0.75, 1.25))  # noqa: S311 -- jitter, not a secret

    async def look(self) -> None:
        """Looks once."""
        found = await self._store.stale()
        _gauge().labels("past_deadline").set(found.past_deadline)
        _gauge().labels("long_active").set(found.long_active)
        if found != self.last:
            self.last = found
            level = log.warning if found.past_deadline else log.info
            level(
                "runs.stale",
                past_deadline=found.past_deadline,
                long_active=found.long_active,
                oldest=[str(run_id) for run_id in found.oldest],
            )


@cache
def _gauge() -> Gauge:
    return Gauge("mesh_runs_stale", "Runs that should have ended, or go on for very long", ["why"], registry=REGISTRY)
