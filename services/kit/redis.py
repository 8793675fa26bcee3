"""Redis as a service sees it: short timeouts, a bounded pool, neutral errors. Nothing in it is the truth."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from services.kit.config import ConfigError, MeshSettings
from services.kit.errors import Unavailable

Redis = redis.asyncio.Redis

_TIMEOUT_S = 1.0


class CacheUnavailable(Unavailable):
    """Redis is away, or does not answer in time. Callers go on without it where they can."""

    reason = "CACHE_UNAVAILABLE"


@asynccontextmanager
async def open_redis(
    settings: MeshSettings, *, max_connections: int = 32, read_timeout_s: float = _TIMEOUT_S
) -> AsyncIterator[Redis]:
    """A client that answers bytes. It connects when first used.

    `read_timeout_s` must exceed the longest blocking read (XREAD BLOCK) that is asked of this client.
    """
    if settings.redis_url is None:
        raise ConfigError("REDIS_URL is not set: give a redis:// URL")
    client = redis.asyncio.from_url(
        settings.redis_url.get_secret_value(),
        max_connections=max_connections,
        socket_connect_timeout=_TIMEOUT_S,
        socket_timeout=read_timeout_s,
        health_check_interval=15,
        retry=Retry(ExponentialBackoff(cap=0.1, base=0.01), retries=1),
        client_name=f"mesh.{settings.service}",
    )
    try:
        yield client
    finally:
        await client.aclose()


@contextmanager
def neutral_errors() -> Iterator[None]:
    """Turns what the driver raises for a Redis that is away into CacheUnavailable; other errors are bugs and pass."""
    try:
        yield
    except (RedisConnectionError, RedisTimeoutError, OSError) as away:
        raise CacheUnavailable from away


async def ping(client: Redis) -> None:
    """One round trip, for readiness; CacheUnavailable where there is none."""
    with neutral_errors():
        try:
            await client.ping()
        except RedisError as refused:
            raise CacheUnavailable from refused
