"""A person's files and their sandbox, through Envoy: up, down, started and stopped, by either id."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
import pytest

from services.cli import notices
from tests.bench.files import ON_THE_WAY, SIZE_MIB, download, upload
from tests.bench.load import connected
from tests.bench.memory import peaks
from tests.support.mesh import RunningMesh
from tests.support.viewer import Viewer, messages_of, start_run

pytestmark = pytest.mark.xdist_group("mesh")

SHAPE = {"message", "code", "error_code", "params", "request_id"}


@pytest.fixture
async def project(client: httpx.AsyncClient) -> str:
    """A project of the user's, without a sandbox."""
    return str((await client.post("/threads", json={})).json()["project_id"])


def told(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The detail of a refusal in the one shape."""
    assert answer.status_code == status, answer.text
    detail: dict[str, Any] = answer.json()["detail"]
    assert set(detail) >= SHAPE
    assert detail["error_code"] == code
    return detail


def ok(answer: httpx.Response) -> Any:
    """The body of what went well."""
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_sandbox_is_started_looked_at_and_stopped(client: httpx.AsyncClient, project: str) -> None:
    path = f"/project/{project}/sandbox"
    assert ok(await client.get(path))["status"] == "UNKNOWN"
    made = ok(await client.post(f"{path}/start"))
    assert set(made) == {"status", "sandbox_id", "message"}
    for again in (f"{path}/ensure-active", f"/sandbox/{project}/start"):
        assert ok(await client.post(again, json={}))["sandbox_id"] == made["sandbox_id"]
    shown = ok(await client.get(path))
    assert (shown["status"], shown["sandbox"]["id"]) == ("LIVE", made["sandbox_id"])
    for where in (f"{path}/status", f"/sandbox/{project}/status"):
        status = ok(await client.get(where))
        assert {"status", "sandbox_id", "project_id", "daytona_state", "services_health", "last_checked"} <= set(status)
        assert {"cpu", "memory", "disk", "target"} <= set(status)
    for stop in (f"{path}/stop", f"/sandbox/{project}/stop"):
        assert ok(await client.post(stop))["sandbox_id"] == made["sandbox_id"]
    assert ok(await client.get(path))["status"] == "OFFLINE"


async def test_a_file_goes_up_is_replaced_and_comes_down_by_either_id(client: httpx.AsyncClient, project: str) -> None:
    first, second = bytes(range(256)) * 9000, b"\x00second\xff"
    stored = ok(
        await client.post(
            f"/sandbox/{project}/files/upload", data={"path": "a/b.bin"}, files={"file": ("b.bin", first)}
        )
    )
    assert stored["sandbox_created"] is True
    sandbox, path = stored["sandbox_id"], {"path": stored["path"]}
    by_project, by_sandbox = f"/sandbox/{project}/files/download", f"/sandboxes/{sandbox}/files/content"
    assert (await client.get(by_project, params=path)).content == first
    replaced = await client.put(f"/sandboxes/{sandbox}/files/binary", data=path, files={"file": ("b.bin", second)})
    assert ok(replaced) == {"status": "success", "updated": True, "path": "/workspace/a/b.bin"}
    for where in (by_project, by_sandbox):
        answer = await client.get(where, params=path)
        assert (answer.content, answer.headers["content-type"]) == (second, "application/octet-stream")
    for listing in (f"/sandbox/{project}/files", f"/sandboxes/{sandbox}/files"):
        (file,) = ok(await client.get(listing, params={"path": "/workspace/a"}))["files"]
        assert (file["name"], file["size"]) == ("b.bin", len(second))
    ran = ok(await client.post(f"/sandbox/{project}/execute", json={"command": "wc -c < a/b.bin"}))
    assert (ran["output"].strip(), ran["exit_code"], ran["success"]) == (str(len(second)), 0, True)


async def test_a_stranger_gets_nowhere_by_the_project_s_id(
    client: httpx.AsyncClient, stranger: httpx.AsyncClient, project: str
) -> None:
    ok(await client.post(f"/project/{project}/sandbox/start"))
    for method, path, body in (
        ("POST", "start", {}),
        ("POST", "stop", {}),
        ("GET", "files?path=/workspace", {}),
        ("GET", "files/download?path=a", {}),
        ("POST", "files/upload", {"data": {"path": "a"}, "files": {"file": ("a", b"x")}}),
        ("POST", "execute", {"json": {"command": "true"}}),
    ):
        answer = await stranger.request(method, f"/sandbox/{project}/{path}", **body)
        told(answer, 404, "PROJECT_NOT_FOUND")
    for path in ("upload-started", "upload-completed"):
        answer = await stranger.post(f"/project/{project}/files/{path}", json={"file_count": 1})
        told(answer, 404, "PROJECT_NOT_FOUND")


async def test_announced_uploads_are_counted(client: httpx.AsyncClient, project: str) -> None:
    path = f"/project/{project}/files"
    for count, pending in ((3, 3), (1, 4)):
        started = ok(await client.post(f"{path}/upload-started", json={"file_count": count}))
        assert started == {"status": "ok", "pending_files": pending}
    assert ok(await client.post(f"{path}/upload-completed")) == {"status": "ok"}
    started = ok(await client.post(f"{path}/upload-started", json={"file_count": 1}))
    assert started["pending_files"] == 2
    detail = told(await client.post(f"{path}/upload-started", json={}), 400, "INVALID_ARGUMENT")
    assert detail["violations"][0]["field"] == "file_count"


async def test_a_run_is_told_that_files_are_still_on_their_way(client: httpx.AsyncClient) -> None:
    thread = ok(await client.post("/threads", json={}))
    ok(await client.post(f"/project/{thread['project_id']}/files/upload-started", json={"file_count": 2}))
    prompt = '[[call read_file {"file_path": "uploads/late.txt"}]] [[step]] [[say done]]'
    run = await start_run(client, prompt, thread_id=thread["thread_id"])
    await Viewer(client, run["agent_run_id"]).watch()
    (row,) = [row for row in await messages_of(client, thread["thread_id"]) if row["type"] == "tool"]
    assert "still being uploaded (2)" in str(row["metadata"]["result"])


async def test_ssh_is_the_one_thing_that_a_local_sandbox_refuses(client: httpx.AsyncClient, project: str) -> None:
    sandbox = ok(await client.post(f"/project/{project}/sandbox/start"))["sandbox_id"]
    answer = await client.post(f"/sandboxes/{sandbox}/ssh/token", json={"expires_in_minutes": 60})
    assert told(answer, 409, "SSH_NOT_SUPPORTED")["provider"] == "local"


async def test_prompt_and_message_are_one_field(client: httpx.AsyncClient) -> None:
    started = await client.post("/agent/start", data={"message": "[[say hi]]", "model_name": "mock-ai"})
    assert ok(started)["status"] == "running"
    answer = await client.post("/agent/start", data={"message": "a", "prompt": "b"})
    assert told(answer, 400, "INVALID_ARGUMENT")["violations"][0]["field"] == "message"


async def test_presence_takes_its_token_either_way(mesh: RunningMesh, client: httpx.AsyncClient) -> None:
    body = {"session_id": str(uuid4()), "active_thread_id": None, "platform": "web"}
    expected = {"success": True, "session_id": body["session_id"], "disabled": False}
    assert ok(await client.post("/presence/update", json=body)) == expected
    async with httpx.AsyncClient(base_url=mesh.url) as nobody:
        assert ok(await nobody.post("/presence/update", json=body, params={"token": mesh.token()})) == expected
        told(await nobody.post("/presence/update", json=body), 401, "UNAUTHENTICATED")
        told(await nobody.post("/presence/update", headers={"x-api-key": "pk_a:sk_b"}), 401, "API_KEYS_NOT_ENABLED")


async def test_a_notice_of_the_operator_shows_without_a_restart(mesh: RunningMesh) -> None:
    async with httpx.AsyncClient(base_url=mesh.url) as nobody:
        now = datetime.now(UTC)
        said = notices.announce(mesh.data.notices, notices.ISSUE, {"message": "Slow", "severity": "degraded"}, now)
        try:
            assert ok(await nobody.get("/system/status")) == said
        finally:
            cleared = notices.clear(mesh.data.notices, now)
        assert ok(await nobody.get("/system/status")) == cleared


@pytest.mark.timeout(180)
async def test_a_hundred_megabytes_pass_through_without_being_held(mesh: RunningMesh) -> None:
    """A gross bound: half of the file. What it really costs is in the benchmarks."""
    async with connected(mesh.port, mesh.token()) as client:
        client.request("POST", "/v1/threads", b"{}")
        project = str((await client.json())["project_id"])
        with peaks(mesh, ON_THE_WAY) as up:
            path = await upload(client, project, SIZE_MIB)
        with peaks(mesh, ON_THE_WAY) as down:
            assert await download(client, project, path) == SIZE_MIB * 2**20
    assert max(*up.values(), *down.values()) < SIZE_MIB / 2, (up, down)
