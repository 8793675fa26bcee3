"""The account's window of starts on a real Redis: over two replicas, with a clock of the test, and without Redis."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random
from uuid import UUID, uuid4

import pytest
from prometheus_client import REGISTRY

from services.agent.domain.operations import WindowState
from services.agent.stream.rate_limiter import WINDOW_S, RateLimiter
from services.kit.config import MeshSettings
from services.kit.errors import RateLimited
from services.kit.redis import GuardedRedis, open_redis
from tests.support.harness import make_settings
from tests.support.redis import EmbeddedRedis

LIMIT = 5


class Clock:
    """Milliseconds, moved by the test."""

    now = 1_763_860_000_000

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def private_redis(tmp_path: Path) -> Iterator[EmbeddedRedis]:
    server = EmbeddedRedis(tmp_path)
    yield server
    server.stop()


@pytest.fixture
async def clients(private_redis: EmbeddedRedis, tmp_path: Path) -> AsyncIterator[list[GuardedRedis]]:
    settings = make_settings(MeshSettings, tmp_path, redis_url=private_redis.url)
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(open_redis(settings)) for _ in range(2)]


async def test_a_process_counts_what_it_let_in_within_the_last_window(clients: list[GuardedRedis]) -> None:
    now = [100.0]
    limiter = RateLimiter(clients[0], LIMIT, monotonic=lambda: now[0])
    accounts = [uuid4(), uuid4()]
    for account in accounts * 2:
        assert await admitted(limiter, account)
    now[0] += WINDOW_S
    assert await admitted(limiter, accounts[0])
    assert limiter.state == WindowState(LIMIT, WINDOW_S, 1, 5, 0, 0)


async def admitted(limiter: RateLimiter, account: UUID, start: UUID | None = None) -> bool:
    try:
        await limiter.admit(account, start or uuid4())
    except RateLimited:
        return False
    return True


@pytest.mark.parametrize("seed", range(10))
async def test_no_window_has_more_starts_than_rate_and_burst_over_two_replicas(
    clients: list[GuardedRedis], seed: int
) -> None:
    random, clock, account = Random(seed), Clock(), uuid4()
    replicas = [RateLimiter(client, LIMIT, clock) for client in clients]
    times: list[int] = []
    for _ in range(150):
        clock.now += random.choice((0, 0, 1, random.randrange(5_000), random.randrange(40_000)))
        if await admitted(random.choice(replicas), account):
            times.append(clock.now)
    assert len(times) > LIMIT
    for first in range(len(times)):
        for last in range(first, len(times)):
            window_s = (times[last] - times[first]) / 1000
            assert last - first + 1 <= LIMIT / WINDOW_S * window_s + LIMIT
    assert all(later - earlier >= WINDOW_S * 1000 for earlier, later in zip(times, times[LIMIT:], strict=False))


async def test_after_retry_after_a_start_is_let_in_and_not_before(clients: list[GuardedRedis]) -> None:
    clock, account = Clock(), uuid4()
    limiter = RateLimiter(clients[0], LIMIT, clock)
    for _ in range(LIMIT):
        await limiter.admit(account, uuid4())
        clock.now += 1000
    with pytest.raises(RateLimited) as refused:
        await limiter.admit(account, uuid4())
    wait_s = refused.value.retry_after_s
    assert wait_s == WINDOW_S - LIMIT
    assert refused.value.params["limit"] == LIMIT
    clock.now += int(wait_s * 1000) - 1
    assert not await admitted(limiter, account)
    clock.now += 1
    assert await admitted(limiter, account)
    assert not await admitted(limiter, account)


async def test_a_repeat_of_a_start_counts_once_and_another_account_is_not_touched(clients: list[GuardedRedis]) -> None:
    account, start = uuid4(), uuid4()
    one, other = (RateLimiter(client, 2) for client in clients)
    assert all([await admitted(limiter, account, start) for limiter in (one, other, one, other)])
    assert await admitted(other, account)
    assert not await admitted(one, account)
    assert await admitted(one, account, start)
    assert await admitted(one, uuid4())
    assert (one.state, other.state) == (WindowState(2, WINDOW_S, 2, 2, 1, 0), WindowState(2, WINDOW_S, 1, 1, 0, 0))


async def test_a_window_leaves_nothing_behind(clients: list[GuardedRedis]) -> None:
    await RateLimiter(clients[0], LIMIT).admit(uuid4(), uuid4())
    (key,) = await clients[0].keys("*")
    assert 0 < await clients[0].ttl(key) <= WINDOW_S


async def test_without_redis_every_start_passes_and_is_counted_as_unchecked(
    private_redis: EmbeddedRedis, clients: list[GuardedRedis]
) -> None:
    limiter, account = RateLimiter(clients[0], 1), uuid4()
    assert await admitted(limiter, account)
    assert not await admitted(limiter, account)
    before = unchecked()
    with private_redis.frozen():
        assert await admitted(limiter, account)
    private_redis.stop()
    assert await admitted(limiter, account)
    assert unchecked() == before + 2
    assert limiter.state == WindowState(1, WINDOW_S, 3, 3, 1, 2)


async def test_without_a_limit_redis_is_not_asked(clients: list[GuardedRedis]) -> None:
    limiter = RateLimiter(clients[0], None)
    assert all([await admitted(limiter, UUID(int=1)) for _ in range(3)])
    assert await clients[0].keys("*") == []


def unchecked() -> float:
    return REGISTRY.get_sample_value("mesh_starts_unchecked_total") or 0.0
