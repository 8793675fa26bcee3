"""The client on a real server, and what it says when the server is away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from services.kit.circuit_breaker import CircuitState
from services.kit.config import MeshSettings
from services.kit.redis import CacheUnavailable, neutral_errors, open_redis, ping
from tests.support.harness import make_settings
from tests.support.redis import EmbeddedRedis


async def test_values_come_back_as_bytes(redis_url: str, tmp_path: Path) -> None:
    async with open_redis(make_settings(MeshSettings, tmp_path, redis_url=redis_url)) as client:
        await client.set("k", "v")
        assert await client.get("k") == b"v"


class _Closed:
    """What uvloop makes of a transport that the other side has closed."""

    def writelines(self, data: object) -> None:
        raise RuntimeError("unable to perform operation on <TCPTransport closed=True>; the handler is closed")

    def close(self) -> None:
        """Nothing is left to be closed."""


async def test_a_connection_that_was_closed_unnoticed_is_made_anew(redis_url: str, tmp_path: Path) -> None:
    async with open_redis(make_settings(MeshSettings, tmp_path, redis_url=redis_url)) as client:
        await ping(client)
        pool = client.connection_pool
        connection = await pool.get_connection()  # type: ignore[no-untyped-call]
        connection._writer.close()
        connection._writer = _Closed()
        await pool.release(connection)
        await client.set("k", "v")
        assert await client.get("k") == b"v"


async def test_a_crowd_waits_for_its_turn_and_redis_is_not_away(redis_url: str, tmp_path: Path) -> None:
    settings = make_settings(MeshSettings, tmp_path, redis_url=redis_url)
    async with open_redis(settings, max_connections=2) as client:
        await asyncio.gather(*(client.set(f"k{n}", n) for n in range(100)))
        assert client.breaker.state is CircuitState.CLOSED


@pytest.fixture
def private_redis(tmp_path: Path) -> Iterator[EmbeddedRedis]:
    server = EmbeddedRedis(tmp_path)
    yield server
    server.stop()


async def test_a_server_that_died_is_unavailable_soon_and_back_by_itself(
    private_redis: EmbeddedRedis, tmp_path: Path
) -> None:
    server = private_redis
    async with open_redis(make_settings(MeshSettings, tmp_path, redis_url=server.url)) as client:
        await ping(client)
        server.stop()
        started = time.monotonic()
        with pytest.raises(CacheUnavailable), neutral_errors():
            await client.get("k")
        assert time.monotonic() - started < 3
        server.start()
        await ping(client)


async def test_a_server_that_is_full_is_unavailable(private_redis: EmbeddedRedis, tmp_path: Path) -> None:
    async with open_redis(make_settings(MeshSettings, tmp_path, redis_url=private_redis.url)) as client:
        await client.config_set("maxmemory", "1")
        with pytest.raises(CacheUnavailable), neutral_errors():
            await client.set("k", "v")
        with pytest.raises(CacheUnavailable), neutral_errors():
            await client.register_script("return redis.call('SET', KEYS[1], '1')")(keys=["k"])


async def test_a_server_that_takes_no_writes_is_unavailable(private_redis: EmbeddedRedis, tmp_path: Path) -> None:
    async with open_redis(make_settings(MeshSettings, tmp_path, redis_url=private_redis.url)) as client:
        await client.config_set("min-replicas-to-write", "1")
        with pytest.raises(CacheUnavailable), neutral_errors():
            await client.set("k", "v")
        with pytest.raises(CacheUnavailable), neutral_errors():
            await client.register_script("return redis.call('SET', KEYS[1], '1')")(keys=["k"])


async def test_a_command_to_a_server_that_hangs_ends_in_time_and_is_not_sent_again(
    private_redis: EmbeddedRedis, tmp_path: Path
) -> None:
    settings = make_settings(MeshSettings, tmp_path, redis_url=private_redis.url)
    async with open_redis(settings, within_s=0.1, read_timeout_s=15) as client:
        await client.set("k", "v")
        with private_redis.frozen():
            started = time.monotonic()
            for _ in range(5):
                with pytest.raises(CacheUnavailable), neutral_errors():
                    await client.incr("n")
            assert time.monotonic() - started < 2
            assert client.breaker.state is CircuitState.OPEN
        while True:
            with suppress(CacheUnavailable), neutral_errors():
                assert int(await client.get("n") or 0) <= 5  # the server may meet what it was sent once it wakes
                break
            await asyncio.sleep(0.05)


async def test_a_caller_who_is_cancelled_says_nothing_about_a_server(
    private_redis: EmbeddedRedis, tmp_path: Path
) -> None:
    settings = make_settings(MeshSettings, tmp_path, redis_url=private_redis.url)
    async with open_redis(settings) as client:
        await client.set("k", "v")
        with private_redis.frozen():
            for _ in range(10):
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.01):
                        await client.get("k")
        assert client.breaker.state is CircuitState.CLOSED


async def test_a_server_that_hangs_is_left_alone_and_asked_again_after_a_second(
    private_redis: EmbeddedRedis, tmp_path: Path
) -> None:
    settings = make_settings(MeshSettings, tmp_path, redis_url=private_redis.url)
    async with open_redis(settings, within_s=0.1) as client:
        await client.set("k", "v")
        with private_redis.frozen():
            for _ in range(5):
                with pytest.raises(CacheUnavailable), neutral_errors():
                    await client.get("k")
            started = time.monotonic()
            for _ in range(100):
                with pytest.raises(CacheUnavailable), neutral_errors():
                    await client.get("k")
            assert time.monotonic() - started < 0.9  # a hundred timeouts would be ten seconds
        while True:
            with suppress(CacheUnavailable), neutral_errors():
                assert await client.get("k") == b"v"
                break
            await asyncio.sleep(0.05)
