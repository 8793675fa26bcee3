"""kill -9 of a worker: its run is taken over; nothing is told, done or paid twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from uuid import uuid4

import httpx
import pytest

from tests.support.mesh import RunningMesh, running_mesh
from tests.support.sleepers import appeared, sleeping
from tests.support.viewer import Viewer, is_terminal, key, messages_of, start_run

pytestmark = [pytest.mark.xdist_group("takeover"), pytest.mark.timeout(120)]

PATIENCE_S = 15.0
"""For a machine that is busy with other tests; an idle one takes lease and sweep, which `make chaos` measures."""


@pytest.fixture(scope="module")
def mesh(model_server: str) -> Iterator[RunningMesh]:
    """Two workers, as by default otherwise."""
    with running_mesh(OPENAI_API_BASE=model_server, MESH_WORKERS="2") as running:
        yield running


async def kill_owner(mesh: RunningMesh, viewer: Viewer) -> None:
    """Kills both workers at once, so that it is the owner for sure, and awaits the next one. `mesh up` starts them
    again."""
    for name in ("agent-worker-1", "agent-worker-2"):
        mesh.kill(name)
    epoch = key(viewer.last_id or "0-0")[0]
    async with asyncio.timeout(PATIENCE_S):
        await viewer.watch(lambda frame: key(frame.get("_event_id", "0-0"))[0] > epoch)


async def check(client: httpx.AsyncClient, viewer: Viewer, run: dict[str, str], types: list[str], steps: int) -> None:
    """What holds after any crash."""
    assert viewer.frames[-1]["status"] == "completed", viewer.frames[-1]
    assert sum(is_terminal(frame) for frame in viewer.frames) == 1
    ids = [key(frame["_event_id"]) for frame in viewer.frames]
    assert ids == sorted(set(ids))
    rows = await messages_of(client, run["thread_id"])
    assert [row["type"] for row in rows] == types
    for row in rows:
        if row["type"] == "assistant":
            assert viewer.told[row["message_id"]] == row["metadata"]["text_content"]
    usage = (await client.get("/billing/credit-usage")).json()["usage_records"]
    assert Counter(record["step_no"] for record in usage) == dict.fromkeys(range(1, steps + 1), 1)


async def calls_of(model_server: str, run_id: str) -> int:
    """How often the model was asked for a run."""
    async with httpx.AsyncClient() as http:
        calls = (await http.get(model_server.removesuffix("/v1") + "/_log")).json()
    return sum(call["request_id"].startswith(run_id) for call in calls)


async def test_a_worker_is_killed_while_the_model_streams(mesh: RunningMesh, model_server: str) -> None:
    async with mesh.client() as client:
        run = await start_run(client, "[[delay 20ms]] [[tokens 100]] [[step]]", model="openai/anything")
        viewer = Viewer(client, run["agent_run_id"])
        await viewer.watch(lambda frame: frame["type"] == "assistant")
        await kill_owner(mesh, viewer)
        await viewer.watch()
        assert viewer.of("message_reset")[-1]["reason"] == "takeover"
        await check(client, viewer, run, ["user", "assistant"], 1)
        assert await calls_of(model_server, run["agent_run_id"]) == 2
    mesh.wait_healthy()


async def test_a_worker_is_killed_while_a_tool_runs_and_the_command_goes_on(
    mesh: RunningMesh, model_server: str
) -> None:
    mark = f"4.{uuid4().int % 10**9}"
    command = f"echo begun >> effects; echo begun; sleep {mark}; echo ended >> effects; cat effects"
    prompt = f'[[say On it.]] [[call execute_command {{"command": "{command}"}}]] [[step]] [[say Done.]]'
    await tool_story(mesh, model_server, prompt, mark)


async def test_a_worker_is_killed_while_a_tool_runs_that_began_before_the_answer_ended(
    mesh: RunningMesh, model_server: str
) -> None:
    mark = f"4.{uuid4().int % 10**9}"
    command = f"echo begun >> effects; echo begun; sleep {mark}; echo ended >> effects; cat effects"
    prompt = f'[[say On it.]] [[call execute_command {{"command": "{command}"}}]] [[wait 60]] [[step]] [[say Done.]]'
    await tool_story(mesh, model_server, prompt, mark)


async def tool_story(mesh: RunningMesh, model_server: str, prompt: str, mark: str) -> None:
    """Kills the owner while its command sleeps."""
    async with mesh.client() as client:
        run = await start_run(client, prompt, model="openai/anything")
        viewer = Viewer(client, run["agent_run_id"])
        await viewer.watch(lambda frame: frame["type"] == "tool_output_stream")
        before = await appeared(mark)
        taken_over = asyncio.create_task(kill_owner(mesh, viewer))
        await asyncio.sleep(0.5)
        assert sleeping(mark) == before
        await taken_over
        await viewer.watch()
        await check(client, viewer, run, ["user", "assistant", "tool", "assistant"], 2)
        (result,) = [
            row["metadata"]["result"] for row in await messages_of(client, run["thread_id"]) if row["type"] == "tool"
        ]
        assert result["success"] is True
        assert str(result["output"]).count("ended") == 1
        assert await calls_of(model_server, run["agent_run_id"]) == 2
    mesh.wait_healthy()
