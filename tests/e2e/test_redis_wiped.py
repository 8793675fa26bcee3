"""Redis is disposable: wiped or restarted at any moment, it costs no message, no event's order, no run."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator

import httpx
import pytest
import redis.asyncio as redis

from services.cli.state import load
from tests.support.mesh import RunningMesh, running_mesh
from tests.support.viewer import Viewer, is_terminal, key, messages_of, start_run

pytestmark = [pytest.mark.xdist_group("redis"), pytest.mark.timeout(180)]

MOMENTS = 20
PROMPT = (
    '[[delay 4ms]] [[tokens 120]] [[call create_file {"file_path": "a<step>", "file_contents": "x"}]]'
    " [[step]] [[tokens 80]]"
)


@pytest.fixture(scope="module")
def mesh() -> Iterator[RunningMesh]:
    """A mesh whose Redis is not safe."""
    with running_mesh() as running:
        yield running


async def wipe(mesh: RunningMesh, moment: int) -> None:
    """FLUSHALL, or, each seventh time, a kill that `mesh up` answers with a new, empty one."""
    if moment % 7 == 3:
        mesh.kill("redis")
        return
    client = redis.from_url(redis_url(mesh))
    async with asyncio.timeout(10):
        while True:
            try:
                await client.flushall()
                break
            except redis.ConnectionError:  # still starting after a kill
                await asyncio.sleep(0.05)
    await client.aclose()


def redis_url(mesh: RunningMesh) -> str:
    """Where the embedded Redis listens."""
    probe = load(mesh.data.state).parts["redis"].probe
    return probe if "://" in probe else f"unix://{probe}"


async def story(client: httpx.AsyncClient) -> None:
    """One run, watched by two viewers, one of them late."""
    run = await start_run(client, PROMPT)
    early, late = Viewer(client, run["agent_run_id"]), Viewer(client, run["agent_run_id"])
    async with asyncio.TaskGroup() as group:
        group.create_task(early.watch())
        while len(early.frames) < 30 and not early.ended:
            await asyncio.sleep(0.01)
        group.create_task(late.watch())
    said = {
        row["message_id"]: row["metadata"]["text_content"]
        for row in await messages_of(client, run["thread_id"])
        if row["type"] == "assistant"
    }
    assert len(said) == 2
    for viewer in (early, late):
        assert viewer.frames[-1]["status"] == "completed"
        assert sum(is_terminal(frame) for frame in viewer.frames) == 1
        ids = [key(frame["_event_id"]) for frame in viewer.frames]
        assert ids == sorted(set(ids))
        assert {message_id: viewer.told[message_id] for message_id in said} == said
    assert early.durable == late.durable


async def test_redis_is_wiped_at_twenty_moments_of_streaming_runs(mesh: RunningMesh) -> None:
    dice = random.Random(20)
    async with mesh.client() as client:
        done = 0
        while done < MOMENTS:
            async with asyncio.TaskGroup() as group:
                stories = [group.create_task(story(client)) for _ in range(3)]
                while done < MOMENTS and not all(task.done() for task in stories):
                    await asyncio.sleep(dice.uniform(0.1, 0.5))
                    await wipe(mesh, done)
                    done += 1
    mesh.wait_healthy()
