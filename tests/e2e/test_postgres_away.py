"""Postgres is away for 20 s: requests fail fast and say so, what was acknowledged stays, runs go on, none is stolen."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.support.mesh import RunningMesh, running_mesh
from tests.support.postgres import EmbeddedPostgres
from tests.support.viewer import Viewer, is_terminal, key, messages_of, start_run

pytestmark = [pytest.mark.xdist_group("postgres"), pytest.mark.timeout(180)]

AWAY_S = 20.0


@pytest.fixture
def mesh(private_postgres: EmbeddedPostgres) -> Iterator[RunningMesh]:
    """A mesh on a Postgres that is not its own, so that nobody starts it again."""
    with running_mesh(DATABASE_URL=private_postgres.create_database(), MESH_WORKERS="2") as running:
        yield running


async def test_postgres_is_away_for_twenty_seconds(mesh: RunningMesh, private_postgres: EmbeddedPostgres) -> None:
    async with mesh.client() as client:
        before = await start_run(client, "[[say before]]")
        await Viewer(client, before["agent_run_id"]).watch()
        live = await start_run(client, "[[delay 200ms]] [[tokens 150]]")
        viewer = Viewer(client, live["agent_run_id"])
        await viewer.watch(lambda frame: frame["type"] == "assistant")
        stopped = await start_run(client, "[[say one]] [[wait 5]] [[step]] [[say two]]")
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(viewer.watch())
            private_postgres.kill()
            away = time.monotonic()
            await refused_fast(client)
            while time.monotonic() - away < AWAY_S:
                await asyncio.sleep(0.5)
            await asyncio.to_thread(private_postgres.start)
            await answered_again(client)
            await watching
        assert viewer.frames[-1]["status"] == "completed"
        assert {key(frame["_event_id"])[0] for frame in viewer.frames[1:]} == {1}, "the live run was taken over"
        assert sum(is_terminal(frame) for frame in viewer.frames) == 1
        for run in (before, live, stopped):
            rows = await messages_of(client, run["thread_id"])
            assert rows[0]["type"] == "user"
        assert (await Viewer(client, stopped["agent_run_id"]).watch()).frames[-1]["status"] == "completed"


async def refused_fast(client: httpx.AsyncClient) -> None:
    """Reads and starts answer 503 with Retry-After, soon."""
    for _ in range(3):
        asked = time.monotonic()
        answer = await client.get("/threads")
        assert time.monotonic() - asked < 4
        assert answer.status_code == 503, answer.text
        assert answer.headers["retry-after"]
        assert answer.json()["detail"]["error_code"]
    start = await client.post("/agent/start", files={"prompt": (None, "x"), "model_name": (None, "mock-ai")})
    assert start.status_code == 503, start.text


async def answered_again(client: httpx.AsyncClient) -> None:
    """Until requests are answered."""
    async with asyncio.timeout(30):
        while (await client.get("/threads")).status_code != 200:
            await asyncio.sleep(0.2)
