"""model_name=anthropic/<x> runs through litellm, against a server that speaks Anthropic's protocol."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.support.viewer import Viewer, messages_of, start_run

pytestmark = [pytest.mark.xdist_group("mesh"), pytest.mark.timeout(240)]  # litellm is loaded by the first of them

MODEL = "anthropic/claude-haiku-4-5"
PROMPT = (
    '[[think Hm.]] [[say Writing.]] [[call create_file {"file_path": "a.txt", "file_contents": "über"}]]'
    " [[usage 1000 500 200 100]] [[step]] [[say Written — done.]] [[usage 3000 10 2900]]"
)


async def test_a_run_streams_calls_its_tool_and_pays_less_for_what_was_cached(client: httpx.AsyncClient) -> None:
    run = await start_run(client, PROMPT, model=MODEL)
    viewer = await Viewer(client, run["agent_run_id"]).watch()

    assert viewer.frames[-1]["status"] == "completed", viewer.frames[-2:]
    rows = await messages_of(client, run["thread_id"])
    assert [row["type"] for row in rows] == ["user", "assistant", "tool", "assistant"]
    assert rows[1]["metadata"]["reasoning_content"] == "Hm."
    assert rows[2]["metadata"]["result"]["success"] is True
    assert viewer.told[rows[3]["message_id"]] == "Written — done."
    assert len(viewer.of("assistant")) > 2
    await _charged(client)


async def _charged(client: httpx.AsyncClient) -> None:
    """By the list, 1, 5, 0.1 and 1.25 dollars for a million tokens in, out, cached and written; and a fifth."""
    records = (await client.get("/billing/credit-usage")).json()["usage_records"]
    usage = {record["step_no"]: record for record in records}
    first, second = usage[1], usage[2]
    assert (first["model"], first["prompt_tokens"], first["completion_tokens"]) == (MODEL, 1000, 500)
    assert (first["cached_tokens"], second["cached_tokens"]) == (200, 2900)
    assert not first["estimated"]
    assert first["credits_used"] == pytest.approx((700 * 1 + 500 * 5 + 200 * 0.1 + 100 * 1.25) * 1.2e-4)
    assert second["credits_used"] == pytest.approx((100 * 1 + 10 * 5 + 2900 * 0.1) * 1.2e-4)


async def test_a_stop_reaches_the_provider(client: httpx.AsyncClient, anthropic_server: str) -> None:
    run = await start_run(client, "[[say begun]] [[wait 1h]]", model=MODEL)
    viewer = await Viewer(client, run["agent_run_id"]).watch(lambda frame: frame["type"] == "assistant")

    assert (await client.post(f"/agent-run/{run['agent_run_id']}/stop")).status_code == 200
    await viewer.watch()

    assert viewer.frames[-1]["status"] == "stopped"
    last = (await _calls(anthropic_server))[-1]
    assert last["disconnected_at"] is not None


async def test_an_overloaded_provider_is_asked_again_and_then_told(
    client: httpx.AsyncClient, anthropic_server: str
) -> None:
    run = await start_run(client, "[[say one]] [[fail service_unavailable]]", model=MODEL)
    viewer = await Viewer(client, run["agent_run_id"]).watch()

    assert viewer.frames[-1]["status"] == "error"
    assert len(viewer.of("message_reset")) == 2
    asked = [call["attempt"] for call in await _calls(anthropic_server)]
    assert asked[-3:] == [1, 2, 3]


async def test_models_that_can_be_used_are_listed_and_a_missing_key_is_named(client: httpx.AsyncClient) -> None:
    models = (await client.get("/billing/account-state")).json()["models"]
    assert {"id": MODEL, "allowed": True} in [{"id": model["id"], "allowed": model["allowed"]} for model in models]

    unreachable = {"prompt": (None, "hi"), "model_name": (None, "gemini/gemini-2.5-pro")}
    refused = await client.post("/agent/start", files=unreachable)

    assert 400 <= refused.status_code < 500
    assert "GEMINI_API_KEY" in refused.text


async def _calls(server: str) -> list[dict[str, Any]]:
    async with httpx.AsyncClient() as asking:
        calls: list[dict[str, Any]] = (await asking.get(f"{server}/_log")).json()
    return calls
