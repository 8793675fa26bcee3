"""Open what a person's first run needs: the account, and the connections to those who will be asked."""

from __future__ import annotations

import asyncio

from services.gateway.edge.domain import Json
from services.gateway.edge.ports import Billing, Runs, Threads


class Prewarm:
    """Asks small questions, so that the first real one finds open doors."""

    def __init__(self, billing: Billing, runs: Runs, threads: Threads) -> None:
        self._billing = billing
        self._runs = runs
        self._threads = threads

    async def __call__(self, account_id: str) -> Json:
        _, models, _ = await asyncio.gather(
            self._billing.account(skip_cache=False), self._runs.models(), self._threads.counts(account_id)
        )
        return {"status": "ready", "message": f"{len(models)} models are at hand"}
