"""Stop reaches the model's socket and the tool's process tree, keeps what was shown, and ends the run once."""

from __future__ import annotations

import time
from uuid import uuid4

import httpx
import pytest

from tests.support.sleepers import appeared, sleeping
from tests.support.viewer import Viewer, is_terminal, messages_of, start_run

pytestmark = pytest.mark.xdist_group("mesh")


async def stop(client: httpx.AsyncClient, run_id: str, form: str = "agent-run") -> float:
    """Asks for it; when."""
    asked = time.time()
    answer = await client.post(f"/{form}/{run_id}/stop")
    assert answer.json() == {"status": "stopped"}, answer.text
    return asked


async def test_a_stop_closes_the_models_socket_and_keeps_the_text(client: httpx.AsyncClient, model_server: str) -> None:
    run = await start_run(client, "[[delay 20ms]] [[tokens 2000]]", model="openai/anything")
    viewer = Viewer(client, run["agent_run_id"])
    await viewer.watch(lambda frame: frame["type"] == "assistant")
    asked = await stop(client, run["agent_run_id"])
    await viewer.watch()
    assert time.time() - asked < 1.0
    assert viewer.frames[-1]["status"] == "stopped"
    assert sum(is_terminal(frame) for frame in viewer.frames) == 1
    (row,) = [row for row in await messages_of(client, run["thread_id"]) if row["type"] == "assistant"]
    assert row["metadata"]["text_content"]
    assert viewer.told[row["message_id"]] == row["metadata"]["text_content"]
    async with httpx.AsyncClient() as http:
        calls = (await http.get(model_server.removesuffix("/v1") + "/_log")).json()
    (call,) = [call for call in calls if call["request_id"].startswith(run["agent_run_id"])]
    assert call["disconnected_at"] is not None
    assert call["disconnected_at"] - asked < 0.2
    (record,) = (await client.get("/billing/credit-usage")).json()["usage_records"]
    assert record["credits_used"] > 0
    assert record["estimated"]


async def test_a_stop_kills_the_tools_process_tree(client: httpx.AsyncClient) -> None:
    mark = f"31.{uuid4().int % 10**9}"
    command = f"sleep {mark} & (sleep {mark}; true) & echo started; wait"
    run = await start_run(client, f'[[say On it.]] [[call execute_command {{"command": "{command}"}}]]')
    viewer = Viewer(client, run["agent_run_id"])
    await viewer.watch(lambda frame: frame["type"] == "tool_output_stream")
    await appeared(mark)
    asked = await stop(client, run["agent_run_id"], "agent-runs")
    await viewer.watch()
    assert time.time() - asked < 1.0
    assert not sleeping(mark)
    assert viewer.frames[-1]["status"] == "stopped"
    rows = await messages_of(client, run["thread_id"])
    assert [row["type"] for row in rows] == ["user", "assistant", "tool"]


async def test_a_queued_run_is_stopped_while_the_one_before_it_goes_on(client: httpx.AsyncClient) -> None:
    first = await start_run(client, "[[wait 1]] [[say first]]")
    queued = await start_run(client, "[[say never]]", thread_id=first["thread_id"])
    await stop(client, queued["agent_run_id"])
    viewer = await Viewer(client, queued["agent_run_id"]).watch()
    assert [frame["type"] for frame in viewer.frames] == ["ack", "status"]
    assert (await Viewer(client, first["agent_run_id"]).watch()).text == "first"


async def test_holds_are_released_and_the_ledger_shows_what_was_used(client: httpx.AsyncClient) -> None:
    run = await start_run(client, "[[delay 20ms]] [[tokens 2000]]")
    viewer = Viewer(client, run["agent_run_id"])
    await viewer.watch(lambda frame: frame["type"] == "assistant")
    await stop(client, run["agent_run_id"])
    await viewer.watch()
    transactions = (await client.get("/billing/transactions")).json()["transactions"]
    spent = [entry for entry in transactions if entry["type"] == "usage"]
    assert len(spent) == 1
    assert spent[0]["amount"] < 0
