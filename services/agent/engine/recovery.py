"""Recovers runs whose owner is gone.

Taking such a run over is the claim itself, made by every worker with jitter (`RunOwnership`): there is no second way.
What is left to do here is to end those that kill whoever takes them.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Final

from services.agent.ports import OwnershipStore
from services.agent.use_cases.end_run import EndRun

AT_ONCE: Final = 16


class RunRecovery:
    """Ends poisoned runs. `sweep_s`: about how often it looks; `ttl_s`: of leases."""

    def __init__(self, ownership: OwnershipStore, end: EndRun, sweep_s: float, ttl_s: float) -> None:
        self._ownership = ownership
        self._end = end
        self._sweep_s = sweep_s
        self._ttl_s = ttl_s

    async def run(self, may_steal: Callable[[], bool]) -> None:
        """Sweeps until cancelled, while a lease that is over says something."""
        while True:
            await asyncio.sleep(self._sweep_s * random.uniform(1.0, 2.0))  # noqa: S311 -- jitter, not a secret
            if may_steal():
                await self.sweep()

    async def sweep(self) -> int:
        """Ends the poisoned runs there are; how many."""
        found = await self._ownership.poisoned(AT_ONCE, self._ttl_s)
        return sum([await self._end.poisoned(run, self._ttl_s) for run in found])
