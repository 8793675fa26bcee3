"""Redis as a service sees it: short timeouts, a bounded pool, a circuit breaker, neutral errors. Nothing in it is the
truth."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final, cast

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import OutOfMemoryError, ReadOnlyError, RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from services.kit.circuit_breaker import CircuitBreaker, CircuitOpen, CircuitSettings
from services.kit.clock import SystemClock
from services.kit.config import ConfigError, MeshSettings
from services.kit.errors import Unavailable

Redis = redis.asyncio.Redis

_TIMEOUT_S = 1.0
# Its state is lost and made again within a second, so that is how long it is left alone: half a minute without hints
# and rate windows would cost more than three commands that fail.
_CIRCUIT: Final = CircuitSettings(open_s=1.0)
_AWAY = (RedisConnectionError, RedisTimeoutError, OSError, OutOfMemoryError, ReadOnlyError)

# For a connection that was closed unnoticed. What was not answered in time is not sent again: that doubles the wait.
_RETRY: Final = Retry(ExponentialBackoff(cap=0.1, base=0.01), retries=1, supported_errors=(RedisConnectionError,))

_TAKES_NOTHING: Final = ("OOM ", "READONLY ", "MISCONF ", "NOREPLICAS ")
"""Words of a Redis that takes no writes: it is full, a replica, can not save, or has too few replicas. The driver has
classes for the first two, and not where a script meets them."""


class CacheUnavailable(Unavailable):
    """Redis is away, takes nothing, or does not answer in time. Callers go on without it where they can."""

    reason = "CACHE_UNAVAILABLE"


class _Told:
    """A connection that says of a closed transport what redis-py looks for: uvloop says RuntimeError."""

    async def _send_packed_command(self, command: Iterable[bytes]) -> None:
        try:
            await super()._send_packed_command(command)  # type: ignore[misc]  # of the class that this is mixed into
        except RuntimeError as closed:
            raise ConnectionResetError("the connection is closed") from closed


class GuardedRedis(redis.asyncio.Redis):
    """A client whose commands pass its circuit breaker; pipelines and subscriptions have connections of their own.

    A command takes at most `within_s` seconds, connecting included. The time is up inside the breaker: a Redis that
    hangs has failed, while a caller who is cancelled meanwhile says nothing about it.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.within_s = _TIMEOUT_S
        self.breaker = CircuitBreaker("redis", SystemClock(), lambda error: isinstance(error, _AWAY), settings=_CIRCUIT)

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        try:
            with self.breaker.calling():
                async with asyncio.timeout(self.within_s):
                    return await super().execute_command(*args, **options)  # type: ignore[no-untyped-call]
        except CircuitOpen as left_alone:
            raise RedisConnectionError("left alone after failures in a row") from left_alone
        except ResponseError as refused:
            if any(word in str(refused) for word in _TAKES_NOTHING):
                raise OutOfMemoryError(str(refused)) from refused
            raise


@asynccontextmanager
async def open_redis(
    settings: MeshSettings,
    *,
    max_connections: int = 32,
    within_s: float = _TIMEOUT_S,
    read_timeout_s: float = _TIMEOUT_S,
) -> AsyncIterator[GuardedRedis]:
    """A client that answers bytes. It connects when first used.

    `within_s`: how long a command may take in all; it is for commands that do not block. `read_timeout_s`: how long a
    subscription or a pipeline, which are bound by nothing else, wait for an answer.
    """
    if settings.redis_url is None:
        raise ConfigError("REDIS_URL is not set: give a redis:// URL")
    try:
        pool = redis.asyncio.BlockingConnectionPool.from_url(
            settings.redis_url.get_secret_value(),
            max_connections=max_connections,
            timeout=_TIMEOUT_S,  # for a free one: a crowd waits for its turn, and Redis is not away
            socket_connect_timeout=_TIMEOUT_S,
            socket_timeout=read_timeout_s,
            health_check_interval=15,
            retry=_RETRY,
            client_name=f"mesh.{settings.service}",
        )
    except ValueError as refused:
        raise ConfigError(f"REDIS_URL is no URL: {refused}") from None
    pool.connection_class = type("Connection", (_Told, pool.connection_class), {})
    client = cast(GuardedRedis, GuardedRedis.from_pool(pool))
    client.within_s = within_s
    try:
        yield client
    finally:
        await client.aclose()


@contextmanager
def neutral_errors() -> Iterator[None]:
    """Turns what the driver raises for a Redis that is away into CacheUnavailable; other errors are bugs and pass."""
    try:
        yield
    except _AWAY as away:
        raise CacheUnavailable from away


async def ping(client: Redis) -> None:
    """One round trip, for readiness; CacheUnavailable where there is none."""
    with neutral_errors():
        try:
            await client.ping()
        except RedisError as refused:
            raise CacheUnavailable from refused
