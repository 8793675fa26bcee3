"""A person makes an agent, and a run is that agent's."""

from __future__ import annotations

from uuid import uuid4

import httpx
import pytest

from tests.support.viewer import Viewer, messages_of

pytestmark = pytest.mark.xdist_group("mesh")

PROMPT = '[[call execute_command {"command": "echo hi"}]] [[step]] [[say Done.]]'


async def test_a_run_is_its_agents(client: httpx.AsyncClient) -> None:
    switches = {"sb_shell_tool": {"enabled": False}}
    agent = (
        await client.post("/agents", json={"name": "No shell", "model": "mock-ai", "agentpress_tools": switches})
    ).json()
    started = await client.post("/agent/start", files={"prompt": (None, PROMPT), "agent_id": (None, agent["agent_id"])})
    run = started.json()
    assert (await Viewer(client, run["agent_run_id"]).watch()).frames[-1]["status"] == "completed"
    (tool,) = [row for row in await messages_of(client, run["thread_id"]) if row["type"] == "tool"]
    assert tool["metadata"]["result"]["success"] is False
    assert "may not call" in tool["metadata"]["result"]["error"]
    await client.delete(f"/agents/{agent['agent_id']}")
    (kept,) = (await client.get(f"/thread/{run['thread_id']}/agent-runs")).json()["agent_runs"]
    assert (kept["agent_id"], kept["agent_version_id"]) == (agent["agent_id"], agent["current_version_id"])


@pytest.mark.parametrize("files", [{}, {"files": ("a.txt", b"a")}], ids=["plain", "with a file"])
async def test_nothing_is_made_for_an_agent_that_is_not_there(
    client: httpx.AsyncClient, files: dict[str, tuple[str, bytes]]
) -> None:
    form = {"prompt": (None, "hi"), "agent_id": (None, str(uuid4()))}
    refused = await client.post("/agent/start", files={**form, **files})
    assert (refused.status_code, refused.json()["detail"]["error_code"]) == (404, "AGENT_NOT_FOUND")
    assert (await client.get("/threads")).json()["threads"] == []
