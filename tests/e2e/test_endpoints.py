"""Every endpoint that the web client chats by, called as the owner: status, keys, types, and how it refuses."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio

from tests.e2e.endpoints import CALLS, Endpoint, World, listed
from tests.support.mesh import RunningMesh

pytestmark = [pytest.mark.xdist_group("mesh"), pytest.mark.asyncio(loop_scope="module")]

ENDPOINTS, MORE = listed()
ALL = [*ENDPOINTS, *MORE]
OFFERED = [endpoint for endpoint in ALL if endpoint.auth != "admin"]
OF_SOMETHING = [endpoint for endpoint in OFFERED if "{" in endpoint.path]

REFUSED = {"POST /v1/sandboxes/{sandbox_id}/ssh/token": (409, "SSH_NOT_SUPPORTED")}
"""What the local provider does not offer."""
STRANGE_CALLS: dict[str, dict[str, Any]] = {
    "POST /v1/agent/start": {"data": {"model_name": "mock-ai"}},
    "GET /v1/agents": {"params": {"page": "0"}},
    "POST /v1/agents": {"json": {"system_prompt": "no name"}},
    "GET /v1/billing/usage": {"params": {"limit": "0"}},
    "POST /v1/presence/update": {"json": {}},
    "GET /v1/threads": {"params": {"limit": "1001"}},
    "GET /v1/threads/search": {"params": {"limit": "10"}},
}
"""Calls upon nothing in particular that are wrong."""

UUIDS = {"account_id", "id", "threadId", "thread_id", "agent_run_id", "project_id", "agent_id", "message_id"}
UUIDS |= {"sandbox_id", "current_version_id"}
TIMES = {"created_at", "updated_at", "startedAt", "completedAt", "timestamp", "last_checked", "date", "updatedAt"}
FLAGS = {"personal_account", "_pending", "is_default", "is_public", "is_llm_message", "disabled", "success", "created"}
FLAGS |= {"renamed", "sandbox_created", "deleted", "updated", "configured", "isAdmin"}
FLAGS |= {"path_affected_on_revert", "path_in_commit"}
NUMBERS = {"version_count", "message_count", "threads_deleted", "pending_files", "total", "exit_code"}
NUMBERS |= {"revert_affects_files"}
LISTS = {"active_runs", "agent_runs", "agents", "configured_mcps", "custom_mcps", "tags", "models", "messages"}
LISTS |= {"threads", "files", "files_in_commit", "revert_files", "versions", "reverted_files", "affected_paths"}
LISTS |= {"results", "tools", "recent_agent_runs", "usage_records"}
OBJECTS = {"public_metadata", "private_metadata", "pagination", "agentpress_tools", "current_version", "metadata"}
OBJECTS |= {"credits", "subscription", "limits", "tier", "_cache", "sandbox", "project", "services", "services_health"}
MAY_BE_NULL = {"completedAt", "error", "sandbox_id", "description", "system_prompt", "model", "icon_name", "icon_color"}
MAY_BE_NULL |= {"icon_background", "agent_id", "agent_version_id", "vnc_preview", "sandbox_url", "role", "target"}
MAY_BE_NULL |= {"slug", "maintenanceNotice", "technicalIssue", "updatedAt", "timing_breakdown", "cpu", "memory", "disk"}
ANY = {"content", "maintenanceNotice", "technicalIssue", "cpu", "memory", "disk"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def owner(mesh: RunningMesh) -> AsyncIterator[httpx.AsyncClient]:
    async with mesh.client() as client:
        yield client


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(owner: httpx.AsyncClient) -> World:
    made = World(owner)
    await made.prepare()
    return made


async def test_the_list_is_whole_and_each_entry_can_be_called() -> None:
    assert len({endpoint.name for endpoint in ENDPOINTS}) == len(ENDPOINTS) == 55
    assert {endpoint.name for endpoint in ALL} == set(CALLS)


@pytest.mark.parametrize("endpoint", OFFERED, ids=str)
async def test_the_owner_is_answered_in_shape(world: World, owner: httpx.AsyncClient, endpoint: Endpoint) -> None:
    answer = await world.call(endpoint, owner, await world.things_for(endpoint))
    if endpoint.name in REFUSED:
        status, code = REFUSED[endpoint.name]
        assert refusal(answer, status)["error_code"] == code
        return
    assert answer.status_code == 200, answer.text
    kind = answer.headers["content-type"].partition(";")[0]
    if endpoint.answer == "events":
        assert kind == "text/event-stream"
        assert answer.text.startswith("id: 0-1\ndata: {")
    elif endpoint.answer == "bytes":
        assert kind == "application/octet-stream"
        assert answer.content in (b"one", b"two")
    else:
        assert kind == "application/json"
        check(endpoint, answer.json())


@pytest.mark.parametrize("endpoint", OF_SOMETHING, ids=str)
async def test_what_is_not_there_is_not_found(world: World, owner: httpx.AsyncClient, endpoint: Endpoint) -> None:
    detail = refusal(await world.call(endpoint, owner, world.unknown()), 404)
    assert detail["error_code"] != "NOT_FOUND", "there is no such route"


@pytest.mark.parametrize("endpoint", OF_SOMETHING, ids=str)
async def test_to_a_stranger_private_things_are_not_there(world: World, mesh: RunningMesh, endpoint: Endpoint) -> None:
    async with mesh.client() as stranger:
        refusal(await world.call(endpoint, stranger, world.ids), 404)


@pytest.mark.parametrize("endpoint", ALL, ids=str)
async def test_without_a_token_only_what_is_for_anybody_answers(
    world: World, mesh: RunningMesh, endpoint: Endpoint
) -> None:
    async with httpx.AsyncClient(base_url=mesh.url, timeout=30) as nobody:
        answer = await world.call(endpoint, nobody, world.ids)
    if endpoint.auth == "anybody":
        assert answer.status_code == 200, answer.text
    elif endpoint.auth == "reader":
        refusal(answer, 404)
    else:
        refusal(answer, 401)
        assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("endpoint", [e for e in ALL if e.auth == "admin"], ids=str)
async def test_what_is_for_admins_refuses_others(world: World, owner: httpx.AsyncClient, endpoint: Endpoint) -> None:
    refusal(await world.call(endpoint, owner, world.ids), 403)


@pytest.mark.parametrize("endpoint", [e for e in ALL if e.name in STRANGE_CALLS], ids=str)
async def test_a_wrong_call_is_told_what_is_wrong(owner: httpx.AsyncClient, endpoint: Endpoint) -> None:
    path = endpoint.path.removeprefix("/v1")
    detail = refusal(await owner.request(endpoint.method, path, **STRANGE_CALLS[endpoint.name]), 400)
    assert detail["params"]["violations"][0]["field"]


async def test_a_key_of_the_api_is_not_taken_yet(mesh: RunningMesh) -> None:
    async with httpx.AsyncClient(base_url=mesh.url, timeout=30) as client:
        answer = await client.get("/agents", headers={"X-API-Key": "pk_a:sk_b"})
    assert refusal(answer, 401)["code"] == "api_keys_not_enabled"


async def test_a_stream_takes_its_token_from_the_url(mesh: RunningMesh, world: World, owner: httpx.AsyncClient) -> None:
    token = owner.headers["authorization"].removeprefix("Bearer ")
    async with httpx.AsyncClient(base_url=mesh.url, timeout=30) as client:
        answer = await client.get(f"/agent-run/{world.ids['agent_run_id']}/stream", params={"token": token})
    assert answer.status_code == 200
    assert answer.text.startswith("id: 0-1\ndata: {")


def refusal(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The detail of an error of this status, in the one shape that all have."""
    assert answer.status_code == status, answer.text
    detail: dict[str, Any] = answer.json()["detail"]
    texts = [detail[name] for name in ("message", "code", "error_code", "request_id")]
    assert all(isinstance(text, str) and text for text in texts)
    assert detail["code"] == detail["error_code"].lower()
    assert isinstance(detail["params"], dict)
    return detail


def check(endpoint: Endpoint, answer: Any) -> None:
    """All keys are there, each of its type; an optional one may be absent or null."""
    if endpoint.answer == "list":
        assert isinstance(answer, list)
        assert answer
    for entry in answer if endpoint.answer == "list" else [answer]:
        for key in endpoint.keys:
            value = entry.get(key)
            if value is None:
                assert key in MAY_BE_NULL, f"{key} is missing in {entry}"
            else:
                assert is_right(key, value), f"{key} is {value!r}"


def is_right(key: str, value: Any) -> bool:
    """Whether a value is what its key says."""
    if key in UUIDS:
        return bool(str(UUID(value)) == value)
    if key in TIMES:
        return datetime.fromisoformat(value).tzinfo is not None
    for keys, kind in ((FLAGS, bool), (LISTS, list), (OBJECTS, dict), (ANY, object)):
        if key in keys:
            return isinstance(value, kind)
    if key in NUMBERS:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, str)
