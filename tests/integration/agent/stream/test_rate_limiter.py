"""The account's window of starts on a real Redis: over two replicas, with a clock of the test, and without Redis."""

from __future__ import annotations

import asyncio
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
    """Milliseconds as Redis counts them, and a process' seconds: moved by the test."""

    begun = now = 1_763_860_000_000

    def __call__(self) -> int:
        return self.now

    def seconds(self) -> float:
        return (self.now - self.begun) / 1000


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
    replicas = [RateLimiter(client, LIMIT, clock, clock.seconds) for client in clients]
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
    limiter = RateLimiter(clients[0], LIMIT, clock, clock.seconds)
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


async def test_10_limits_hold_when_redis_is_away(private_redis: EmbeddedRedis, clients: list[GuardedRedis]) -> None:
    """Weakness 10: each process goes on by what it let in itself, seen by Redis or not."""
    clock, account = Clock(), uuid4()
    limiter, replica = (RateLimiter(client, 3, clock, clock.seconds) for client in clients)
    first = uuid4()
    assert await admitted(limiter, account, first)
    before = unchecked()
    with private_redis.frozen():
        clock.now += 1000
        assert await admitted(limiter, account)
    private_redis.stop()
    assert [await admitted(limiter, account) for _ in range(20)] == [True] + [False] * 19
    assert await admitted(limiter, account, first)  # a repeat
    assert await admitted(limiter, uuid4())
    assert unchecked() == before + 3
    assert limiter.state == WindowState(3, WINDOW_S, 4, 4, 19, 3)
    assert [await admitted(replica, account) for _ in range(5)] == [True] * 3 + [False] * 2  # by process
    clock.now += (WINDOW_S - 1) * 1000
    assert [await admitted(limiter, account) for _ in range(5)] == [True] + [False] * 4
    with pytest.raises(RateLimited) as refused:
        await limiter.admit(account, uuid4())
    assert refused.value.retry_after_s == 1


async def test_10_limits_hold_when_redis_is_wiped(private_redis: EmbeddedRedis, clients: list[GuardedRedis]) -> None:
    """Weakness 10: what Redis forgets is no new window in the process that it let the starts in for."""
    limiter, account = RateLimiter(clients[0], LIMIT), uuid4()
    for _ in range(LIMIT):
        await limiter.admit(account, uuid4())
    private_redis.flush()
    assert [await admitted(limiter, account) for _ in range(20)] == [False] * 20


async def test_starts_at_once_hold_the_limit_while_redis_is_away(
    private_redis: EmbeddedRedis, clients: list[GuardedRedis]
) -> None:
    limiter, account = RateLimiter(clients[0], LIMIT), uuid4()
    private_redis.stop()
    assert sum(await asyncio.gather(*(admitted(limiter, account) for _ in range(50)))) == LIMIT


async def test_what_redis_refuses_takes_no_place_in_the_process(
    private_redis: EmbeddedRedis, clients: list[GuardedRedis]
) -> None:
    clock, account = Clock(), uuid4()
    limiter, replica = (RateLimiter(client, LIMIT, clock, clock.seconds) for client in clients)
    repeats = [uuid4() for _ in range(LIMIT)]
    for start in repeats:
        await limiter.admit(account, start)
    assert not any([await admitted(replica, account) for _ in range(LIMIT)])
    clock.now += WINDOW_S * 1000 - 1
    assert all([await admitted(replica, account, start) for start in repeats])  # of the other one's
    clock.now += 1
    assert [await admitted(replica, account) for _ in range(LIMIT + 1)] == [True] * LIMIT + [False]


async def test_without_a_limit_redis_is_not_asked(clients: list[GuardedRedis]) -> None:
    limiter = RateLimiter(clients[0], None)
    assert all([await admitted(limiter, UUID(int=1)) for _ in range(3)])
    assert await clients[0].keys("*") == []


def unchecked() -> float:
    return REGISTRY.get_sample_value("mesh_starts_unchecked_total") or 0.0
