"""Streams a run to somebody who may see it, for as long as they may."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Final
from uuid import UUID

from services.agent.codec.runs import stream_header
from services.agent.stream.ports import RunHead
from services.agent.stream.reader import Reader
from services.agent.use_cases.see_run import SeeRun

RECHECK_S: Final = 30.0
"""How often a viewer who is not the owner is checked again."""
FRESH_S: Final = 0.1
"""For how long the row that was read when the viewer came is the run's row: a slow one may take its header late."""


class WatchRun:
    """Serialized WatchRunResponses: the first names run and thread."""

    def __init__(self, see: SeeRun, reader: Reader) -> None:
        self._see = see
        self._reader = reader
        self._leaving = False

    async def leave(self) -> None:
        """Ends every stream with its next event: viewers resume at another process."""
        self._leaving = True

    async def __call__(self, viewer: UUID | None, run_id: UUID, last_id: str) -> AsyncIterator[bytes]:
        """To the terminal event, until the project is public no more, or until this process leaves. Raises
        RunNotFound, InvalidCursor."""
        run, access = await self._see(viewer, run_id)
        checked = time.monotonic()
        yield stream_header(run)
        is_fresh = time.monotonic() - checked < FRESH_S
        head = RunHead(run.epoch, run.completed_at is not None) if is_fresh and not last_id else None
        async for payload in self._reader.watch(run_id, last_id, head):
            yield payload
            if self._leaving:
                return
            if access == "read" and time.monotonic() - checked > RECHECK_S:
                if not await self._see.may_read(viewer, run.thread_id):
                    return
                checked = time.monotonic()
