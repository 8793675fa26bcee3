"""Gives streams that lost their time to live one: no key of a run stays for ever (I19).

What writes a stream sets its time to live in the same script, so that a crash leaves none without. This finds what came
otherwise: from a restored dump, or by an operator's hand.
"""

from __future__ import annotations

import asyncio
import random
from functools import cache
from typing import Final

import structlog
from prometheus_client import REGISTRY, Counter

from services.agent.stream.ports import WireDown
from services.agent.stream.publisher import LIVE_TTL_MS
from services.agent.stream.wire import Wire

log = structlog.get_logger()

EVERY_S: Final = 600.0
_AWAY_S: Final = 5.0
_PAGE: Final = 1000


class StreamCleanup:
    """Looks through all of Redis, a page at a time."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def run(self) -> None:
        """Looks at the start and then every ten minutes, for ever."""
        while True:
            try:
                mended = await self()
            except WireDown:
                await asyncio.sleep(_AWAY_S)
                continue
            if mended:
                log.warning("streams.mended", keys=mended)
            await asyncio.sleep(EVERY_S * random.uniform(0.5, 1.5))  # noqa: S311 -- jitter, not a secret

    async def __call__(self) -> int:
        """How many keys had none. Raises WireDown."""
        cursor, mended = b"0", 0
        while True:
            cursor, names = await self._wire.call("SCAN", cursor, "MATCH", "agent:{*}:*", "COUNT", _PAGE)
            for name in names:
                if await self._wire.call("PTTL", name) == -1:
                    mended += await self._wire.call("PEXPIRE", name, LIVE_TTL_MS)
            if cursor == b"0":
                _mended().inc(mended)
                return mended


@cache
def _mended() -> Counter:
    return Counter("mesh_streams_mended", "Keys of runs that were found without a time to live", registry=REGISTRY)
