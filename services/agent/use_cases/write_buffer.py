"""Writes together what bounds no step: samples of calls and processes.

A `put` returns after its row is committed, never before: nothing is acknowledged from memory. Rows are written when 200
are there or 50 ms after the first. Full means that who puts waits, and so works slower.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Generic, TypeVar

from services.kit.errors import MeshError

ROWS: Final = 200
WITHIN_S: Final = 0.05
BOUND: Final = 2_000

RowT = TypeVar("RowT")


class WriteBuffer(Generic[RowT]):
    """`write` commits all that it is given, or raises, which each of their `put`s does then. What is no MeshError is
    raised by `run` too: started again, it goes on with the rows that wait."""

    def __init__(
        self,
        write: Callable[[Sequence[RowT]], Awaitable[None]],
        *,
        rows: int = ROWS,
        within_s: float = WITHIN_S,
        bound: int = BOUND,
    ) -> None:
        self._write = write
        self._rows = rows
        self._within_s = within_s
        self._room = asyncio.Semaphore(bound)
        self._waiting: list[tuple[RowT, asyncio.Future[None]]] = []
        self._first, self._full = asyncio.Event(), asyncio.Event()
        self._latencies: deque[float] = deque(maxlen=1000)

    @property
    def pending(self) -> int:
        """Rows that are not committed yet."""
        return len(self._waiting)

    @property
    def latencies_ms(self) -> tuple[float, float]:
        """What the last thousand writes took: their mean, and what 99 of 100 kept below."""
        known = sorted(self._latencies)
        return (1000 * sum(known) / len(known), 1000 * known[(len(known) * 99) // 100]) if known else (0.0, 0.0)

    async def put(self, row: RowT) -> None:
        """Commits a row. Raises what `write` raises."""
        async with self._room:
            committed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append((row, committed))
            self._first.set()
            if len(self._waiting) >= self._rows:
                self._full.set()
            await committed

    async def run(self) -> None:
        """Writes until cancelled."""
        while True:
            await self._first.wait()
            try:
                async with asyncio.timeout(self._within_s):
                    await self._full.wait()
            except TimeoutError:
                pass
            await self.flush()

    async def flush(self) -> None:
        """Writes what is there, at most so many rows a statement."""
        while self._waiting:
            batch, self._waiting = self._waiting[: self._rows], self._waiting[self._rows :]
            await self._commit(batch)
        self._first.clear()
        self._full.clear()

    async def _commit(self, batch: list[tuple[RowT, asyncio.Future[None]]]) -> None:
        """Raises what nobody foresaw, after all who wait for the batch were told."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            await self._write([row for row, _ in batch])
        except MeshError as refused:
            _tell(batch, refused)
        except BaseException as unforeseen:
            _tell(batch, unforeseen)
            raise
        else:
            self._latencies.append(loop.time() - began)
            _tell(batch, None)


def _tell(batch: list[tuple[RowT, asyncio.Future[None]]], failed: BaseException | None) -> None:
    for _, committed in batch:
        if committed.done():  # who put it waits no more
            continue
        if failed is None:
            committed.set_result(None)
        elif isinstance(failed, asyncio.CancelledError):
            committed.cancel()
        else:
            committed.set_exception(failed)
