"""A person chats: a message in, an answer streamed, stored and charged."""

from __future__ import annotations

from uuid import uuid4

import httpx
import pytest

from tests.support.viewer import Viewer, messages_of, start_run

pytestmark = pytest.mark.xdist_group("mesh")

TOOL_PROMPT = (
    '[[say Looking.]] [[call execute_command {"command": "echo hello from the sandbox"}]] [[step]] [[say Done.]]'
)


async def test_a_run_with_a_tool_call_is_streamed_stored_and_charged(client: httpx.AsyncClient) -> None:
    run = await start_run(client, TOOL_PROMPT)
    assert run["status"] == "running"
    viewer = await Viewer(client, run["agent_run_id"]).watch()
    assert viewer.frames[0]["type"] == "ack"
    assert viewer.frames[-1]["status"] == "completed"
    rows = await messages_of(client, run["thread_id"])
    assert [row["type"] for row in rows] == ["user", "assistant", "tool", "assistant"]
    assert rows[1]["metadata"]["text_content"] == "Looking."
    assert rows[2]["metadata"]["result"]["success"] is True
    assert "hello from the sandbox" in str(rows[2]["metadata"]["result"]["output"])
    told = {frame["message_id"] for frame in viewer.frames if frame.get("message_id")}
    assert {row["message_id"] for row in rows[1:]} <= told
    usage = (await client.get("/billing/credit-usage")).json()["usage_records"]
    assert len(usage) == 2
    assert all(record["credits_used"] > 0 for record in usage)
    assert (await client.get(f"/agent-runs/{run['agent_run_id']}/status")).json()["status"] == "completed"


async def test_the_message_is_there_when_its_frame_is(client: httpx.AsyncClient) -> None:
    run = await start_run(client, TOOL_PROMPT)
    viewer = Viewer(client, run["agent_run_id"])
    while not viewer.ended:
        await viewer.watch(lambda frame: frame["type"] in ("tool", "assistant") and bool(frame["message_id"]))
        rows = {row["message_id"] for row in await messages_of(client, run["thread_id"])}
        last = viewer.frames[-1]
        assert last["type"] == "status" or last["message_id"] in rows


async def test_a_follow_up_knows_what_was_said(client: httpx.AsyncClient) -> None:
    first = await start_run(client, "[[say one]]")
    await Viewer(client, first["agent_run_id"]).watch()
    second = await start_run(client, "[[say two]]", thread_id=first["thread_id"])
    assert second["thread_id"] == first["thread_id"]
    await Viewer(client, second["agent_run_id"]).watch()
    rows = await messages_of(client, first["thread_id"])
    assert [row["metadata"].get("text_content") for row in rows if row["type"] == "assistant"] == ["one", "two"]
    runs = (await client.get(f"/thread/{first['thread_id']}/agent-runs")).json()["agent_runs"]
    assert [run["id"] for run in runs] == [second["agent_run_id"], first["agent_run_id"]]


async def test_an_optimistic_start_is_found_at_once_and_its_retry_is_the_same_run(client: httpx.AsyncClient) -> None:
    thread_id, project_id = str(uuid4()), str(uuid4())
    form = {"thread_id": thread_id, "project_id": project_id, "optimistic": "true"}
    run = await start_run(client, "[[say hi]]", **form)
    again = await start_run(client, "[[say hi]]", **form)
    assert again["agent_run_id"] == run["agent_run_id"]
    assert (await client.get(f"/threads/{thread_id}")).json()["project_id"] == project_id
    assert (await messages_of(client, thread_id))[0]["content"] == {"role": "user", "content": "[[say hi]]"}
    other = await client.post(
        "/agent/start", files={k: (None, v) for k, v in (form | {"prompt": "else", "model_name": "mock-ai"}).items()}
    )
    assert other.status_code == 409


async def test_runs_of_one_thread_queue_and_answer_in_their_order(client: httpx.AsyncClient) -> None:
    first = await start_run(client, "[[wait 0.5]] [[say first]]")
    second = await start_run(client, "[[say second]]", thread_id=first["thread_id"])
    active = (await client.get("/agent-runs/active")).json()["active_runs"]
    assert {run["id"] for run in active} == {first["agent_run_id"], second["agent_run_id"]}
    await Viewer(client, second["agent_run_id"]).watch()
    rows = await messages_of(client, first["thread_id"])
    assert [row["metadata"]["text_content"] for row in rows if row["type"] == "assistant"] == ["first", "second"]


async def test_a_failing_model_ends_the_run_with_an_error_that_is_told_late_viewers_too(
    client: httpx.AsyncClient,
) -> None:
    run = await start_run(client, "[[fail authentication_error]]")
    for _ in range(2):
        viewer = await Viewer(client, run["agent_run_id"]).watch()
        assert viewer.frames[-1]["status"] == "error"
        assert viewer.frames[-1]["error_code"] == "MODEL_ACCESS_DENIED"
        assert viewer.of("error")
    status = (await client.get(f"/agent-runs/{run['agent_run_id']}/status")).json()
    assert status["status"] == "failed"
    assert status["error"]


async def test_a_model_that_fails_for_a_moment_is_asked_again(client: httpx.AsyncClient) -> None:
    run = await start_run(client, "[[say Half]] [[fail 503 times 1]] [[say whole]]")
    viewer = await Viewer(client, run["agent_run_id"]).watch()
    assert viewer.frames[-1]["status"] == "completed"
    assert [frame["reason"] for frame in viewer.of("message_reset")] == ["retry"]
    rows = await messages_of(client, run["thread_id"])
    assert viewer.told[rows[-1]["message_id"]] == rows[-1]["metadata"]["text_content"]


async def test_a_deleted_thread_stops_its_run_and_is_gone(client: httpx.AsyncClient) -> None:
    run = await start_run(client, "[[delay 50ms]] [[tokens 500]]")
    viewer = Viewer(client, run["agent_run_id"])
    await viewer.watch(lambda frame: frame["type"] == "assistant")
    assert (await client.delete(f"/threads/{run['thread_id']}")).status_code == 200
    assert (await client.get(f"/threads/{run['thread_id']}/messages")).status_code == 404
