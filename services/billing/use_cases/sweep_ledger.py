"""Ends by itself what nobody ended: holds an hour past their run's deadline, and buckets past their end.

Billing asks nobody whether a run still lives: the deadline came with the hold. Every process may sweep; keys make a
second sweep of the same thing nothing.
"""

from __future__ import annotations

import asyncio

from services.billing.ports import Ledger
from services.kit.clock import Clock

_BATCH = 100


class SweepLedger:
    """Sweeps every `interval_s` seconds."""

    def __init__(self, ledger: Ledger, clock: Clock, interval_s: float) -> None:
        self._ledger = ledger
        self._clock = clock
        self._interval_s = interval_s

    async def run(self) -> None:
        """Sweeps for ever."""
        while True:
            await self()
            await asyncio.sleep(self._interval_s)

    async def __call__(self) -> None:
        now = self._clock.now()
        for account_id, run_id in await self._ledger.overdue_runs(now, _BATCH):
            await self._ledger.settle(account_id, run_id, None, [], release=True, now=now)
        await self._ledger.expire(now)
