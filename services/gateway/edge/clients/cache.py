"""Redis, as an operator looks at it."""

from __future__ import annotations

import time

from services.gateway.edge.domain import Json
from services.gateway.edge.ports import Cache
from services.kit.redis import Redis, neutral_errors, ping

_SCANNED = 1000
_MOST = 100_000


class RedisFigures(Cache):
    """Reads what Redis says of itself."""

    def __init__(self, client: Redis) -> None:
        self._client = client

    async def ping(self) -> None:
        await ping(self._client)

    async def streams(self) -> tuple[int, int]:
        total = eternal = 0
        with neutral_errors():
            async for key in self._client.scan_iter(count=_SCANNED, _type="STREAM"):
                total += 1
                eternal += await self._client.pttl(key) == -1
                if total >= _MOST:
                    break
        return total, eternal

    async def describe(self) -> Json:
        begun = time.perf_counter()
        await self.ping()
        latency = time.perf_counter() - begun
        with neutral_errors():
            told = await self._client.info()
        pool = self._client.connection_pool
        return {
            "latency_ms": round(latency * 1000, 3),
            "pool": {
                "max_connections": pool.max_connections,
                "in_use": len(pool._in_use_connections),
                "idle": len(pool._available_connections),
            },
            "timeouts": {
                "connect_s": pool.connection_kwargs.get("socket_connect_timeout"),
                "read_s": pool.connection_kwargs.get("socket_timeout"),
            },
            "server": {name: told.get(name) for name in _SHOWN},
        }


_SHOWN = (
    "redis_version",
    "uptime_in_seconds",
    "connected_clients",
    "blocked_clients",
    "used_memory",
    "maxmemory",
    "instantaneous_ops_per_sec",
    "evicted_keys",
    "expired_keys",
)
