"""Delivers what owners left undelivered: their death, or a neighbour that was away for long. Runs in every process."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from itertools import groupby
from typing import Final, Literal
from uuid import UUID

import structlog

from services.agent.domain.journal import joinable
from services.agent.errors import refusals_of
from services.agent.ports import Billing, Due, OutboxStore, Threads
from services.kit.context import acting_for
from services.kit.errors import MeshError

log = structlog.get_logger()

BATCH: Final = 100
INTERVAL_S: Final = 1.0


class RelayOutbox:
    """Per run in seq order, each kind on its own: a neighbour that is away holds up nothing of the other's."""

    def __init__(self, outbox: OutboxStore, threads: Threads, billing: Billing) -> None:
        self._outbox = outbox
        self._threads = threads
        self._billing = billing

    async def run(self) -> None:
        """Looks every second until cancelled."""
        while True:
            if not await self.once():
                await asyncio.sleep(INTERVAL_S * random.uniform(0.75, 1.25))  # noqa: S311 -- jitter, not a secret

    async def once(self) -> int:
        """Delivers what is due; how many rows were."""
        return len(await self._round(Counter()))

    async def flush(self) -> Counter[UUID]:
        """Delivers all that is owed now; how many rows of each run were."""
        await self._outbox.hurry()
        delivered = Counter[UUID]()
        while await self._round(delivered):
            pass
        return delivered

    async def _round(self, delivered: Counter[UUID]) -> list[Due]:
        due = sorted(await self._outbox.due(BATCH), key=lambda row: (row.run_id, row.row.kind, row.row.seq))
        for _, rows in groupby(due, key=lambda row: (row.run_id, row.row.kind)):
            left = list(rows)
            one_by_one = False
            while left:
                batch = left[: 1 if one_by_one else joinable([due.row for due in left])]
                became = await self._deliver(batch)
                if became == "waits":
                    break
                if became == "refused":
                    one_by_one = True
                else:
                    del left[: len(batch)]
                    delivered[batch[0].run_id] += len(batch) if became == "settled" else 0
        return due

    async def _deliver(self, rows: list[Due]) -> Literal["settled", "dead", "refused", "waits"]:
        """One request. `refused`: all of it, go on one by one; `dead`: given up; `waits`: what follows waits too."""
        first = rows[0]
        payload = b"".join(due.row.payload for due in rows)
        with acting_for(str(first.account_id), run_id=str(first.run_id)):
            try:
                if first.row.kind == "messages":
                    await self._threads.deliver(first.account_id, payload)
                else:
                    await self._billing.deliver(first.account_id, payload)
            except MeshError as failed:
                log.warning(
                    "outbox.delivery_failed",
                    run_id=str(first.run_id),
                    kind=first.row.kind,
                    reason=failed.reason,
                    attempts=first.attempts,
                )
                return await self._failed(rows, failed)
        await self._outbox.mark_delivered([(due.run_id, due.row.seq) for due in rows])
        return "settled"

    async def _failed(self, rows: list[Due], failed: MeshError) -> Literal["settled", "dead", "refused", "waits"]:
        limit = refusals_of(failed)
        if limit is None:
            return "waits"
        if len(rows) > 1:
            return "refused"
        first = rows[0]
        became = await self._outbox.refuse(first.run_id, first.row.seq, f"{failed.reason}: {failed.message}", limit)
        if became == "dead":
            log.error("outbox.undeliverable", run_id=str(first.run_id), kind=first.row.kind, reason=failed.reason)
        return "waits" if became == "counted" else "dead"
