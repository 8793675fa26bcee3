"""The endpoints of the chat surface: the committed list, and how each one is called.

`endpoints.json` holds facts alone: method, path, who may call, the kind of answer, its keys, the errors. An alias has
those of what it is an alias of.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, cast
from uuid import uuid4

import httpx

from tests.support.viewer import Viewer, start_run

Auth = Literal["user", "reader", "anybody", "admin"]
"""`reader`: the owner, and anybody where the project is public. `anybody`: without a token too."""


@dataclass(frozen=True)
class Endpoint:
    """One entry of the list."""

    method: str
    path: str
    router: str
    auth: Auth
    answer: Literal["object", "list", "bytes", "events"]
    keys: tuple[str, ...]
    errors: tuple[int, ...]

    @property
    def name(self) -> str:
        """`METHOD /path`."""
        return f"{self.method} {self.path}"

    def __str__(self) -> str:
        return self.name


def listed() -> tuple[list[Endpoint], list[Endpoint]]:
    """The endpoints, and what is offered beside them: aliases and the operators' pages."""
    facts = json.loads((Path(__file__).parent / "endpoints.json").read_text())
    endpoints, more = ([_endpoint(entry) for entry in facts[name]] for name in ("endpoints", "more"))
    known = {endpoint.name: endpoint for endpoint in endpoints}
    aliases = [
        replace(known[entry["alias_of"]], method=entry["method"], path=entry["path"]) for entry in facts["aliases"]
    ]
    return endpoints, aliases + more


def _endpoint(entry: Mapping[str, Any]) -> Endpoint:
    return Endpoint(**{**entry, "keys": tuple(entry["keys"]), "errors": tuple(entry["errors"])})


@dataclass(frozen=True)
class Call:
    """What is sent. `fresh` names what is used up by the call: it gets one of its own."""

    query: Mapping[str, str] = field(default_factory=dict)
    json: Any = None
    form: Mapping[str, str] | None = None
    file: bytes | None = None
    fresh: str | None = None


FILE = "/workspace/kept.txt"
AT = {"path": FILE}
NOTHING = Call()

CALLS: dict[str, Call] = {
    "GET /v1/accounts": NOTHING,
    "GET /v1/agent-run/{agent_run_id}": NOTHING,
    "POST /v1/agent-run/{agent_run_id}/stop": NOTHING,
    "GET /v1/agent-run/{agent_run_id}/stream": NOTHING,
    "GET /v1/agent-runs/active": NOTHING,
    "GET /v1/agent-runs/{agent_run_id}/status": NOTHING,
    "POST /v1/agent-runs/{agent_run_id}/stop": NOTHING,
    "POST /v1/agent/start": Call(form={"message": "[[say hi]]", "model_name": "mock-ai"}),
    "GET /v1/thread/{thread_id}/agent-runs": NOTHING,
    "GET /v1/agents": Call(query={"page": "1", "limit": "5", "sort_by": "name", "sort_order": "asc"}),
    "POST /v1/agents": Call(json={"name": "Mine", "agentpress_tools": {"sb_shell_tool": False}}),
    "DELETE /v1/agents/{agent_id}": Call(fresh="agent"),
    "GET /v1/agents/{agent_id}": NOTHING,
    "PUT /v1/agents/{agent_id}": Call(json={"system_prompt": "Be brief", "icon_name": "cat"}),
    "PATCH /v1/agents/{agent_id}": Call(json={"description": "Short answers"}),
    "GET /v1/billing/account-state": Call(query={"skip_cache": "true"}),
    "GET /v1/billing/credits": NOTHING,
    "GET /v1/billing/usage": Call(query={"limit": "1"}),
    "GET /v1/threads/{thread_id}/messages": Call(query={"order": "asc", "optimized": "true"}),
    "POST /v1/threads/{thread_id}/messages/add": Call(json="one more"),
    "POST /v1/presence/update": Call(json={"session_id": "s1", "platform": "web"}),
    "DELETE /v1/projects/{project_id}": Call(fresh="thread"),
    "GET /v1/projects/{project_id}": NOTHING,
    "GET /v1/projects/{project_id}/threads": NOTHING,
    "POST /v1/projects/{project_id}/threads": NOTHING,
    "POST /v1/project/{project_id}/files": Call(form={"path": "/workspace/up.txt"}, file=b"up"),
    "POST /v1/project/{project_id}/files/upload-completed": NOTHING,
    "POST /v1/project/{project_id}/files/upload-started": Call(json={"file_count": 1}),
    "GET /v1/project/{project_id}/sandbox": NOTHING,
    "POST /v1/project/{project_id}/sandbox/ensure-active": NOTHING,
    "POST /v1/project/{project_id}/sandbox/start": NOTHING,
    "GET /v1/project/{project_id}/sandbox/status": NOTHING,
    "POST /v1/project/{project_id}/sandbox/stop": Call(fresh="sandbox"),
    "DELETE /v1/sandboxes/{sandbox_id}/files": Call(query={"path": "/workspace/gone.txt"}, fresh="file"),
    "GET /v1/sandboxes/{sandbox_id}/files": Call(query={"path": "/workspace"}),
    "POST /v1/sandboxes/{sandbox_id}/files": Call(form={"path": "/workspace/up.txt"}, file=b"up"),
    "PUT /v1/sandboxes/{sandbox_id}/files": Call(json={"path": "/workspace/put.txt", "content": "put"}),
    "PUT /v1/sandboxes/{sandbox_id}/files/binary": Call(form={"path": "/workspace/put.bin"}, file=b"\0\1"),
    "GET /v1/sandboxes/{sandbox_id}/files/commit-info": Call(query={**AT, "commit": "{commit}"}),
    "GET /v1/sandboxes/{sandbox_id}/files/content": Call(query=AT),
    "GET /v1/sandboxes/{sandbox_id}/files/content-by-hash": Call(query={**AT, "commit": "{commit}"}),
    "GET /v1/sandboxes/{sandbox_id}/files/history": Call(query={**AT, "limit": "10"}),
    "POST /v1/sandboxes/{sandbox_id}/files/revert": Call(json={"commit": "{commit}", "paths": [FILE]}),
    "GET /v1/sandboxes/{sandbox_id}/files/tree": Call(query={"path": "/workspace", "commit": "{commit}"}),
    "POST /v1/sandboxes/{sandbox_id}/ssh/token": Call(json={"expires_in_minutes": 5}),
    "POST /v1/sandboxes/{sandbox_id}/terminal/execute": Call(json={"command": "echo hi"}),
    "GET /v1/sandbox/{project_id}/status": NOTHING,
    "GET /v1/sandbox/{project_id}/files": Call(query={"path": "/workspace"}),
    "GET /v1/sandbox/{project_id}/files/download": Call(query=AT),
    "POST /v1/sandbox/{project_id}/files/upload": Call(form={"path": "/workspace/up.txt"}, file=b"up"),
    "POST /v1/sandbox/{project_id}/execute": Call(json={"command": "echo hi"}),
    "POST /v1/sandbox/{project_id}/start": NOTHING,
    "POST /v1/sandbox/{project_id}/stop": Call(fresh="sandbox"),
    "POST /v1/setup/initialize": NOTHING,
    "GET /v1/health": NOTHING,
    "GET /v1/health-docker": NOTHING,
    "GET /v1/metrics": NOTHING,
    "GET /v1/debug": NOTHING,
    "GET /v1/debug/redis": NOTHING,
    "POST /v1/prewarm": NOTHING,
    "GET /v1/system/status": NOTHING,
    "GET /v1/threads": Call(query={"page": "1", "limit": "5"}),
    "POST /v1/threads": Call(form={"name": "Named"}),
    "GET /v1/threads/search": Call(query={"q": "hello", "limit": "5"}),
    "DELETE /v1/threads/{thread_id}": Call(fresh="thread"),
    "GET /v1/threads/{thread_id}": NOTHING,
    "PATCH /v1/threads/{thread_id}": Call(json={"title": "Renamed"}),
    "GET /v1/tools": NOTHING,
    "GET /v1/user-roles": NOTHING,
}


class World:
    """One person's things on a running mesh, and calls upon them."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self.ids: dict[str, str] = {}

    async def prepare(self) -> None:
        """A thread with a run that has ended, an agent, and a sandbox with a file of two versions."""
        self.ids = await self._run('[[call execute_command {"command": "true"}]] [[step]] [[say hello]]')
        self.ids["agent_id"] = await self._agent()
        self.ids |= await self._sandbox()
        for content in ("one", "two"):
            await self._write(FILE, content)
            self.ids["commit"] = await self._version()

    async def call(self, endpoint: Endpoint, client: httpx.AsyncClient, ids: Mapping[str, str]) -> httpx.Response:
        """Calls an endpoint as somebody, upon these things."""
        call = CALLS[endpoint.name]
        query = {name: text.format(**ids) for name, text in call.query.items()}
        return await client.request(
            endpoint.method, endpoint.path.removeprefix("/v1").format(**ids), params=query, **_body(call, ids)
        )

    async def things_for(self, endpoint: Endpoint) -> dict[str, str]:
        """What the call acts upon: what it uses up is made for it."""
        match CALLS[endpoint.name].fresh:
            case "thread":
                made = (await self._client.post("/threads")).json()
                return {**self.ids, **made}
            case "agent":
                return {**self.ids, "agent_id": await self._agent()}
            case "sandbox":
                run = await self._run('[[call execute_command {"command": "true"}]]')
                return {**self.ids, "project_id": run["project_id"]}
            case "file":
                await self._write("/workspace/gone.txt", "gone")
        return dict(self.ids)

    @staticmethod
    def unknown() -> dict[str, str]:
        """Ids of nothing."""
        names = ("agent_run_id", "thread_id", "project_id", "sandbox_id", "agent_id")
        return {name: str(uuid4()) for name in names} | {"commit": "0" * 40}

    async def _run(self, prompt: str) -> dict[str, str]:
        run = await start_run(self._client, prompt)
        await Viewer(self._client, run["agent_run_id"]).watch()
        return {name: run[name] for name in ("agent_run_id", "thread_id", "project_id")}

    async def _agent(self) -> str:
        answer = await self._client.post("/agents", json={"name": "Helper"})
        assert answer.status_code == 200, answer.text
        return cast(str, answer.json()["agent_id"])

    async def _sandbox(self) -> dict[str, str]:
        answer = await self._client.get(f"/project/{self.ids['project_id']}/sandbox")
        return {"sandbox_id": answer.json()["sandbox"]["id"]}

    async def _version(self) -> str:
        """The file's newest commit; of nothing, where there is no history."""
        url = f"/sandboxes/{self.ids['sandbox_id']}/files/history"
        answer = await self._client.get(url, params=AT)
        versions = answer.json().get("versions") or [{"commit": "0" * 40}]
        return cast(str, versions[0]["commit"])

    async def _write(self, path: str, content: str) -> None:
        url = f"/sandboxes/{self.ids['sandbox_id']}/files"
        answer = await self._client.put(url, json={"path": path, "content": content})
        assert answer.status_code == 200, answer.text


def _body(call: Call, ids: Mapping[str, str]) -> dict[str, Any]:
    if call.json is not None:
        return {"json": _filled(call.json, ids)}
    if call.form is None:
        return {}
    parts: dict[str, Any] = {name: (None, text) for name, text in call.form.items()}
    return {"files": parts if call.file is None else {**parts, "file": ("up.txt", call.file)}}


def _filled(value: Any, ids: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: _filled(inner, ids) for name, inner in value.items()}
    return value.format(**ids) if isinstance(value, str) else value
