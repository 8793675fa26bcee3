"""Wake-ups over a real Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from services.agent.stream.hints import Hints
from services.kit.config import MeshSettings
from services.kit.redis import Redis, open_redis
from tests.support.redis import EmbeddedRedis


class Settings(MeshSettings):
    service = "agent"


@pytest.fixture
async def client(redis: EmbeddedRedis) -> AsyncIterator[Redis]:
    async with open_redis(Settings(redis_url=redis.url)) as client:  # type: ignore[arg-type]
        yield client


async def heard_by(client: Redis, channel: str, listeners: int) -> None:
    while (await client.pubsub_numsub(channel))[0][1] < listeners:
        await asyncio.sleep(0.01)


async def test_a_stop_is_heard_by_every_worker(client: Redis) -> None:
    workers = [Hints(client).stops() for _ in range(2)]
    hearing = [asyncio.ensure_future(anext(worker)) for worker in workers]
    await heard_by(client, "agent:hints:stop", 2)
    run_id = uuid4()
    await Hints(client).stop(run_id, "deleted")
    assert await asyncio.gather(*hearing) == [(run_id, "deleted")] * 2


async def test_work_is_heard_again_after_redis_came_back(client: Redis, redis: EmbeddedRedis) -> None:
    works = Hints(client).works()
    hearing = asyncio.ensure_future(anext(works))
    await heard_by(client, "agent:hints:work", 1)
    await asyncio.to_thread(redis.stop)
    await Hints(client).work()
    await asyncio.to_thread(redis.start)
    await heard_by(client, "agent:hints:work", 1)
    await Hints(client).work()
    await asyncio.wait_for(hearing, 5)


async def test_of_hints_that_nobody_waits_for_the_first_is_given_and_one_for_those_that_follow(client: Redis) -> None:
    hints, heard = Hints(client), asyncio.Queue[None]()

    async def hear() -> None:
        async for _ in hints.works():
            heard.put_nowait(None)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(hear()), group.create_task(hints.run())]
        await heard_by(client, "agent:hints:work", 1)
        hints.work_soon()
        await heard.get()
        for _ in range(20):
            hints.work_soon()
        await heard.get()
        await asyncio.sleep(0.1)
        assert heard.empty()
        for task in tasks:
            task.cancel()
