"""What the edge does by itself or in one step: binary writes, presence, the operator's notices."""

from __future__ import annotations

import json
from typing import Any

import httpx
import orjson
import pytest
from mesh.sandbox.v1 import sandbox_pb2

from services.kit.errors import MeshError, NotFound
from services.kit.redis import open_redis
from tests.integration.gateway.conftest import House
from tests.integration.gateway.fake_mesh import answering, failing
from tests.integration.gateway.test_refusals import detail_of
from tests.integration.gateway.tokens import USER, bearer, token

pytestmark = pytest.mark.asyncio(loop_scope="module")

SANDBOX = "66666666-aaaa-4666-8666-666666666666"
THREAD = "22222222-aaaa-4222-8222-222222222222"
BINARY = f"/v1/sandboxes/{SANDBOX}/files/binary"
UPLOAD = "/mesh.sandbox.v1.Sandboxes/UploadFile"
PRESENCE = "/v1/presence/update"


class FileTooLarge(MeshError):
    """As the sandbox says it."""

    http_status = 413
    reason = "FILE_TOO_LARGE"


async def put(house: House, headers: dict[str, str] | None = None, **body: Any) -> httpx.Response:
    return await house.door.client.put(BINARY, headers=headers if headers is not None else bearer(), **body)


async def test_a_binary_write_takes_the_place_of_a_file(house: House) -> None:
    stored = answering(sandbox_pb2.UploadFileResponse(status="success", created=True, path="/workspace/a.bin"))
    with house.mesh.on(UPLOAD, stored) as calls:
        answer = await put(house, data={"path": "a.bin"}, files={"file": ("a.bin", b"\x00\xff" * 800_000)})
    assert answer.json() == {"status": "success", "updated": True, "path": "/workspace/a.bin"}
    target = calls[0].requests[0].target
    assert (target.sandbox_id, target.path, target.replace) == (SANDBOX, "a.bin", True)
    assert b"".join(request.data for request in calls[0].requests[1:]) == b"\x00\xff" * 800_000


@pytest.mark.parametrize("error", [NotFound(reason="SANDBOX_NOT_FOUND"), FileTooLarge(params={"limit_bytes": 1})])
async def test_what_the_sandbox_refuses_passes_through(house: House, error: MeshError) -> None:
    with house.mesh.on(UPLOAD, failing(error)):
        answer = await put(house, data={"path": "a"}, files={"file": ("a", b"x" * 3_000_000)})
    detail_of(answer, error.http_status, error.reason)


async def test_a_binary_write_names_what_is_missing(house: House) -> None:
    detail = detail_of(await put(house, data={"path": "a"}), 400, "INVALID_ARGUMENT")
    assert detail["violations"][0]["field"] == "file"
    detail_of(await put(house, {}, data={"path": "a"}), 401, "UNAUTHENTICATED")


async def kept(house: House, session: str) -> tuple[Any, int]:
    """What Redis holds of a session, and for how many seconds yet."""
    async with open_redis(house.edge.settings) as redis:
        key = f"presence:{USER}:{session}"
        raw = await redis.get(key)
        return raw and orjson.loads(raw), await redis.ttl(key)


@pytest.mark.parametrize("where", ["header", "query"])
async def test_presence_is_kept_for_a_while(house: House, where: str) -> None:
    way: Any = {"headers": bearer()} if where == "header" else {"params": {"token": token()}}
    body = {"session_id": f"s-{where}", "active_thread_id": THREAD, "platform": "web", "device_info": {"os": "x"}}
    answer = await house.door.client.post(PRESENCE, json=body, **way)
    assert answer.json() == {"success": True, "session_id": f"s-{where}", "disabled": False}
    said, seconds = await kept(house, f"s-{where}")
    assert said == {"active_thread_id": THREAD, "platform": "web", "device_info": {"os": "x"}}
    assert 0 < seconds <= house.edge.settings.mesh_presence_s


async def test_a_closing_page_sends_its_presence_as_plain_text(house: House) -> None:
    answer = await house.door.client.post(
        PRESENCE,
        params={"token": token()},
        content=json.dumps({"session_id": "beacon"}),
        headers={"content-type": "text/plain;charset=UTF-8"},
    )
    assert answer.status_code == 200
    assert (await kept(house, "beacon"))[0] == {"active_thread_id": None, "platform": "web"}


async def test_a_presence_of_nobody_or_nothing_is_refused(house: House) -> None:
    post = house.door.client.post
    detail_of(await post(PRESENCE, json={"session_id": "s"}), 401, "UNAUTHENTICATED")
    detail_of(await post(PRESENCE, json={"session_id": "s"}, params={"token": "x.y.z"}), 401, "UNAUTHENTICATED")
    both = await post(PRESENCE, json={"session_id": "s"}, params={"token": token()}, headers=bearer())
    detail_of(both, 401, "UNAUTHENTICATED")
    detail = detail_of(await post(PRESENCE, json={}, headers=bearer()), 400, "INVALID_ARGUMENT")
    assert detail["violations"][0]["field"] == "session_id"
    detail_of(await post(PRESENCE, content=b"[1]", headers=bearer()), 400, "INVALID_BODY")


async def test_a_token_in_the_query_is_in_no_log(house: House) -> None:
    given = token(jti="never-to-be-logged")
    answer = await house.door.client.post(PRESENCE, params={"token": given}, json={"session_id": "s"})
    await house.door.access_line(answer.headers["x-request-id"])
    assert given not in house.door.logged()


async def test_the_operator_s_notice_shows_at_once_to_anybody(house: House) -> None:
    async def asked() -> Any:
        answer = await house.door.client.get("/v1/system/status")
        assert answer.status_code == 200
        return answer.json()

    nothing = {"maintenanceNotice": {"enabled": False}, "technicalIssue": {"enabled": False}, "updatedAt": None}
    assert await asked() == nothing
    said = {**nothing, "technicalIssue": {"enabled": True, "message": "Slow"}, "updatedAt": "2026-01-01T00:00:00Z"}
    file = house.edge.settings.status_file()
    file.write_bytes(orjson.dumps(said))
    try:
        assert await asked() == said
    finally:
        file.unlink()
    assert await asked() == nothing
