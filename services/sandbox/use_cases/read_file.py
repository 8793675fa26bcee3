"""A file's bytes, in pieces."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.sandbox.domain import Door
from services.sandbox.paths import path_parts
from services.sandbox.ports import OpenFile, SandboxProvider
from services.sandbox.use_cases.open_sandbox import OpenSandbox

PIECE_BYTES = 256 * 1024


class ReadFile:
    """Opens for whoever may look."""

    def __init__(self, opened: OpenSandbox, provider: SandboxProvider) -> None:
        self._opened, self._provider = opened, provider

    @asynccontextmanager
    async def __call__(self, door: Door, path: str) -> AsyncIterator[OpenFile]:
        """The file, open as long as the context."""
        parts = path_parts(path)
        sandbox = await self._opened.to_read(door)
        file = await self._provider.open_file(sandbox.sandbox_id, parts)
        try:
            yield file
        finally:
            file.close()


async def pieces(file: OpenFile, max_bytes: int = 0) -> AsyncIterator[bytes]:
    """The bytes in pieces, at most `max_bytes` of them where that is not 0."""
    left = max_bytes or file.size
    while left > 0 and (piece := await file.read(min(PIECE_BYTES, left))):
        left -= len(piece)
        yield piece
