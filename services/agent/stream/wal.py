"""A second copy of paid-for answers while Postgres is away: a stream for each run in Redis, an entry for each step.

Best effort by design, and never an acknowledgement to anybody: an owner that dies before Postgres is back leaves its
answer here, and the next one need not ask the model again.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from services.agent.stream.ports import WireDown
from services.agent.stream.wire import Refused, Wire
from services.kit.redis import CacheUnavailable

_KEEP: Final = """
redis.call('XADD', KEYS[1], 'MAXLEN', '~', 100, '*', ARGV[1], ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
"""
_PAGE: Final = 1000
_WITHIN_S: Final = 1.0
"""An owner waits no longer for a copy; longer than for a hint: without it a model call may be paid again."""


@dataclass(frozen=True, slots=True)
class WalStats:
    """Entries that wait, and the runs that they are of."""

    entries: int
    runs: int


class StreamWal:
    """`ports.Wal` over Redis. `retention_s`: how long an entry is kept at most."""

    def __init__(self, wire: Wire, retention_s: float) -> None:
        self._wire = wire
        self._retention_ms = int(retention_s * 1000)

    async def keep(self, run_id: UUID, key: str, payload: bytes) -> bool:
        with suppress(WireDown, Refused, TimeoutError):
            async with asyncio.timeout(_WITHIN_S):
                await self._wire.call("EVAL", _KEEP, 1, _name(run_id), key, payload, self._retention_ms)
            return True
        return False

    async def read(self, run_id: UUID) -> dict[str, bytes]:
        with suppress(WireDown, Refused, TimeoutError):
            async with asyncio.timeout(_WITHIN_S):
                entries = await self._wire.call("XRANGE", _name(run_id), "-", "+")
            return {fields[0].decode(): fields[1] for _, fields in entries}
        return {}

    async def drop(self, run_id: UUID) -> None:
        with suppress(WireDown, Refused, TimeoutError):
            async with asyncio.timeout(_WITHIN_S):
                await self._wire.call("UNLINK", _name(run_id))

    async def stats(self) -> WalStats:
        """Looks through all of Redis, a page at a time. Raises CacheUnavailable."""
        try:
            return await self._stats()
        except WireDown as away:
            raise CacheUnavailable from away

    async def _stats(self) -> WalStats:
        cursor, lengths = b"0", list[int]()
        while True:
            cursor, names = await self._wire.call("SCAN", cursor, "MATCH", "agent:{*}:wal", "COUNT", _PAGE)
            lengths += [await self._wire.call("XLEN", name) for name in names]
            if cursor == b"0":
                return WalStats(sum(lengths), len(lengths))


def _name(run_id: UUID) -> str:
    return f"agent:{{{run_id}}}:wal"
