"""model_name=openai/<anything> runs at OPENAI_API_BASE, whatever that server's accent."""

from __future__ import annotations

import httpx
import pytest

from tests.support.viewer import Viewer, messages_of, start_run

pytestmark = pytest.mark.xdist_group("mesh")

PROMPT = (
    '[[say Writing.]] [[call create_file {"file_path": "a.txt", "file_contents": "über"}]]'
    " [[step]] [[think Hm.]] [[say Written — done.]]"
)


@pytest.mark.parametrize("dialect", ["plain", "no-usage", "no-done", "crlf", "args-whole", "args-chars"])
async def test_a_run_with_tools_streams_in_this_dialect(client: httpx.AsyncClient, dialect: str) -> None:
    run = await start_run(client, PROMPT, model=f"openai/anything:{dialect}")
    viewer = await Viewer(client, run["agent_run_id"]).watch()
    assert viewer.frames[-1]["status"] == "completed", viewer.frames[-2:]
    rows = await messages_of(client, run["thread_id"])
    assert [row["type"] for row in rows] == ["user", "assistant", "tool", "assistant"]
    assert rows[2]["metadata"]["result"]["success"] is True
    assert rows[3]["metadata"]["text_content"] == "Written — done."
    assert viewer.told[rows[3]["message_id"]] == "Written — done."
    usage = (await client.get("/billing/credit-usage")).json()["usage_records"]
    assert {record["estimated"] for record in usage} == {dialect == "no-usage"}


async def test_an_error_inside_the_stream_is_asked_again_and_then_told(client: httpx.AsyncClient) -> None:
    run = await start_run(client, "[[say one two three four five six]]", model="openai/anything:stream-error")
    viewer = await Viewer(client, run["agent_run_id"]).watch()
    assert viewer.frames[-1]["status"] == "error"
    assert viewer.of("error")
    assert len(viewer.of("message_reset")) == 2


async def test_a_server_that_refuses_stream_options_is_asked_without(client: httpx.AsyncClient) -> None:
    run = await start_run(client, "[[say fine]]", model="openai/anything:strict")
    viewer = await Viewer(client, run["agent_run_id"]).watch()
    assert viewer.text == "fine"
