"""Gathers acknowledgements of outbox rows and marks them together. A lost mark costs one repeated delivery."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final
from uuid import UUID

from services.agent.ports import OutboxStore

FLUSH_S: Final = 0.05
BOUND: Final = 10_000
"""Rows that wait at most; beyond it the oldest are forgotten, and delivered once more by the relay."""


class DeliveredMarks:
    """Call it with acknowledged rows; `run` writes them."""

    def __init__(self, outbox: OutboxStore) -> None:
        self._outbox = outbox
        self._rows: list[tuple[UUID, int]] = []
        self._wake = asyncio.Event()

    def __call__(self, rows: Iterable[tuple[UUID, int]]) -> None:
        self._rows.extend(rows)
        if len(self._rows) > BOUND:
            del self._rows[:-BOUND]
        self._wake.set()

    async def run(self) -> None:
        """Writes until cancelled."""
        while True:
            await self._wake.wait()
            await asyncio.sleep(FLUSH_S)
            await self.flush()

    async def flush(self) -> None:
        """Writes what is there."""
        self._wake.clear()
        rows, self._rows = self._rows, []
        if rows:
            await self._outbox.mark_delivered(rows)
