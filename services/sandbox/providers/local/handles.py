"""Open and staged files of the local provider, with their blocking calls moved to threads."""

from __future__ import annotations

import asyncio
import os

from services.kit.errors import Unavailable
from services.sandbox.domain import Collision, Stored
from services.sandbox.errors import QuotaExceeded
from services.sandbox.ports import Parts
from services.sandbox.providers.local.descriptor import Descriptor
from services.sandbox.providers.local.files import Staged
from services.sandbox.providers.local.gauge import Gauge


class LocalOpenFile:
    """`ports.OpenFile` over a descriptor, which it owns."""

    def __init__(self, descriptor: int, size: int) -> None:
        self._descriptor, self.size = Descriptor(descriptor), size

    async def read(self, length: int) -> bytes:
        """The next bytes; empty at the end."""
        return await asyncio.to_thread(self._read, length)

    def close(self) -> None:
        """Closes the descriptor, after the one piece that may still be read."""
        self._descriptor.close()

    def _read(self, length: int) -> bytes:
        with self._descriptor.held() as file:
            return os.read(file, length)


class LocalStagedFile:
    """`ports.StagedFile` over a file in the home's staging directory."""

    def __init__(self, staged: Staged, gauge: Gauge) -> None:
        self._staged, self._gauge = staged, gauge

    async def write(self, data: bytes) -> None:
        """Adds bytes."""
        try:
            await asyncio.to_thread(self._staged.write, data)
        except OSError as failure:
            raise Unavailable("The file could not be stored: the host's disk is full or broken") from failure

    async def commit(self, parts: Parts, *, mode: int | None, collision: Collision) -> Stored:
        """Puts the file in its place, if it still fits."""
        return await asyncio.to_thread(self._commit, parts, mode, collision)

    async def discard(self) -> None:
        """Drops what was not committed."""
        await asyncio.to_thread(self._staged.discard)

    def _commit(self, parts: Parts, mode: int | None, collision: Collision) -> Stored:
        breach = self._gauge.admit(self._staged.size)
        if breach is not None:
            raise QuotaExceeded.of(breach.what, breach.limit)
        return self._staged.commit(parts, mode=mode, collision=collision)
