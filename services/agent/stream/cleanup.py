"""Gives streams that lost their time to live one: no key of a run stays for ever (I19)."""

from __future__ import annotations

from typing import Final

from services.agent.stream.publisher import LIVE_TTL_MS
from services.agent.stream.wire import Wire

_PAGE: Final = 1000


class StreamCleanup:
    """Looks through all of Redis, a page at a time."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def __call__(self) -> int:
        """How many keys had none. Raises WireDown."""
        cursor, mended = b"0", 0
        while True:
            cursor, names = await self._wire.call("SCAN", cursor, "MATCH", "agent:{*}:*", "COUNT", _PAGE)
            for name in names:
                if await self._wire.call("PTTL", name) == -1:
                    mended += await self._wire.call("PEXPIRE", name, LIVE_TTL_MS)
            if cursor == b"0":
                return mended
