"""Any number of viewers see one sequence, resume anywhere, and get exactly one end."""

from __future__ import annotations

import asyncio
import random

import httpx
import pytest

from tests.support.mesh import RunningMesh
from tests.support.viewer import Restless, Viewer, is_terminal, messages_of, start_run

pytestmark = pytest.mark.xdist_group("mesh")

LONG = (
    '[[delay 2ms]] [[tokens 80]] [[call create_file {"file_path": "a.txt", "file_contents": "x"}]]'
    " [[step]] [[tokens 60]]"
)


async def test_an_early_and_a_late_viewer_see_the_same_durable_events(client: httpx.AsyncClient) -> None:
    run = await start_run(client, LONG)
    early = Viewer(client, run["agent_run_id"])
    async with asyncio.TaskGroup() as group:
        group.create_task(early.watch())
        late = Viewer(client, run["agent_run_id"])
        await early_enough(early, 20)
        group.create_task(late.watch())
    afterwards = await Viewer(client, run["agent_run_id"]).watch()
    assert early.durable == late.durable == afterwards.durable
    assert sum(is_terminal(frame) for frame in early.frames) == 1
    said = {
        row["message_id"]: row["metadata"]["text_content"]
        for row in await messages_of(client, run["thread_id"])
        if row["type"] == "assistant"
    }
    for viewer in (early, late, afterwards):
        assert {message_id: viewer.told[message_id] for message_id in said} == said


async def early_enough(viewer: Viewer, frames: int) -> None:
    """Until a viewer has seen so many."""
    while len(viewer.frames) < frames and not viewer.ended:
        await asyncio.sleep(0.005)


async def test_a_viewer_that_is_cut_again_and_again_misses_and_repeats_nothing(client: httpx.AsyncClient) -> None:
    run = await start_run(client, LONG)
    whole = Viewer(client, run["agent_run_id"])
    torn = Viewer(client, run["agent_run_id"], habit=Restless(random.Random(7), most_bytes=4000))
    async with asyncio.TaskGroup() as group:
        group.create_task(whole.watch())
        group.create_task(torn.watch())
    assert torn.cuts > 5
    assert torn.frames == whole.frames


async def test_each_cursor_of_an_ended_run_gives_exactly_what_follows(client: httpx.AsyncClient) -> None:
    run = await start_run(client, "[[say a few words]] [[step]]")
    whole = await Viewer(client, run["agent_run_id"]).watch()
    for place in range(1, len(whole.frames)):
        rest = Viewer(client, run["agent_run_id"], frames=whole.frames[:place])
        await rest.watch()
        assert rest.frames == whole.frames


@pytest.mark.parametrize("cursor", ["x", "1", "1-", "-1", "1-2-3", "9" * 60, "1-\u0661"])
async def test_a_malformed_cursor_is_refused(client: httpx.AsyncClient, cursor: str) -> None:
    run = await start_run(client, "[[say hi]]")
    answer = await client.get(f"/agent-run/{run['agent_run_id']}/stream", params={"last_id": cursor})
    assert answer.status_code == 400
    assert "last_id" in answer.json()["detail"]["message"]


async def test_an_unknown_cursor_begins_at_the_start(client: httpx.AsyncClient) -> None:
    run = await start_run(client, "[[say hi]]")
    whole = await Viewer(client, run["agent_run_id"]).watch()
    async with client.stream("GET", f"/agent-run/{run['agent_run_id']}/stream", params={"last_id": "7-77"}) as answer:
        first = await anext(answer.aiter_lines())
    assert first == f"id: {whole.frames[0]['_event_id']}"


async def test_a_stream_takes_the_token_from_the_query_and_no_log_has_it(mesh: RunningMesh, user_id: str) -> None:
    token = mesh.token(user_id)
    async with mesh.client(user_id) as client:
        run = await start_run(client, "[[say hi]]")
    async with httpx.AsyncClient(base_url=mesh.url) as anonymous:
        answer = await anonymous.get(f"/agent-run/{run['agent_run_id']}/stream", params={"token": token})
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/event-stream"
        assert (await anonymous.get(f"/agent-run/{run['agent_run_id']}/status")).status_code in (401, 404)
        elsewhere = await anonymous.get(f"/agent-runs/{run['agent_run_id']}/status", params={"token": token})
        assert elsewhere.status_code == 401
    assert token not in mesh.log
    for log in mesh.data.logs.iterdir():
        assert token not in log.read_text(errors="replace")


async def test_a_silent_stream_is_kept_alive_by_pings(client: httpx.AsyncClient) -> None:
    run = await start_run(client, "[[wait 8]] [[say late]]")
    viewer = await Viewer(client, run["agent_run_id"]).watch()
    assert viewer.pings >= 1
    assert viewer.text == "late"
