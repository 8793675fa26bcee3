"""What passes the door and what is left outside (security G3, G4, G8)."""

from __future__ import annotations

import httpx
import pytest
from mesh.agent.v1 import runs_pb2

from tests.integration.gateway.envoy_process import Door
from tests.integration.gateway.fake_mesh import FakeMesh, answering
from tests.integration.gateway.tokens import bearer

pytestmark = pytest.mark.asyncio(loop_scope="module")

RUN = "6f1c0000-0000-4000-8000-000000000001"
STATUS = f"/v1/agent-runs/{RUN}/status"
GET_STATUS = "/mesh.agent.v1.AgentRuns/GetRunStatus"
OK = answering(runs_pb2.GetRunStatusResponse(status="running"))
ORIGIN = "http://localhost:3000"

FORGED = {
    "x-user-id": "evil",
    "x-user-role": "admin",
    "x-account-id": "evil",
    "x-envoy-internal": "true",
    "x-envoy-original-path": "/evil",
    "x-envoy-upstream-rq-timeout-ms": "1",
    "x-mesh-status": "200",
    "x-mesh-error": "{}",
    "x-forwarded-for": "6.6.6.6",
    "x-forwarded-host": "evil.test",
    "grpc-status": "0",
    "grpc-message": "evil",
    "grpc-status-details-bin": "AAAA",
    "grpc-previous-rpc-attempts": "5",
    "grpc-trace-bin": "AAAA",
    "x-request-id": "chosen-by-the-client",
    "cookie": "sb-access-token=secret",
    "sec-fetch-mode": "cors",
}


async def test_headers_that_only_we_may_set_are_dropped(door: Door, mesh: FakeMesh) -> None:
    with mesh.on(GET_STATUS, OK):
        answer = await door.client.get(STATUS, headers={**bearer(), **FORGED})
    assert answer.status_code == 200
    arrived = mesh.last.metadata
    assert not {name: arrived[name] for name, value in FORGED.items() if arrived.get(name) == value}
    assert arrived["x-request-id"] == answer.headers["x-request-id"]


async def test_a_service_learns_the_path_without_its_query(door: Door, mesh: FakeMesh) -> None:
    with mesh.on(GET_STATUS, OK):
        await door.client.get(f"{STATUS}?secret=1", headers=bearer())
    assert mesh.last.metadata["x-envoy-original-path"] == STATUS


async def test_headers_with_underscores_are_refused(door: Door) -> None:
    assert (await door.client.get(STATUS, headers={**bearer(), "x_user_id": "evil"})).status_code == 400


@pytest.mark.parametrize("path", ["/v1//agent-runs/{0}/status", "/v1/x/../agent-runs/{0}/./status"])
async def test_paths_are_normalised_before_they_are_routed(door: Door, mesh: FakeMesh, path: str) -> None:
    raw = httpx.URL(f"http://{door.address}").copy_with(raw_path=path.format(RUN).encode())
    with mesh.on(GET_STATUS, OK):
        assert (await door.client.get(raw, headers=bearer())).status_code == 200


async def test_an_answer_names_no_inner_thing(door: Door, mesh: FakeMesh) -> None:
    with mesh.on(GET_STATUS, OK):
        answer = await door.client.get(STATUS, headers=bearer())
    assert answer.headers["server"] == "mesh"
    assert not [name for name in answer.headers if name.startswith(("x-envoy-", "grpc-", "x-mesh-"))]


async def test_the_access_log_has_one_line_of_json_per_request(door: Door, mesh: FakeMesh) -> None:
    with mesh.on(GET_STATUS, OK):
        answer = await door.client.get(f"{STATUS}?secret=1", headers=bearer())
    line = await door.access_line(answer.headers["x-request-id"])
    assert (line["event"], line["method"], line["path"]) == ("http.completed", "GET", STATUS)
    assert (line["status"], line["cluster"]) == (200, "agent")
    assert "secret" not in str(line)


async def test_the_admin_interface_is_on_loopback_alone(door: Door) -> None:
    assert door.admin.startswith("http://127.0.0.1:")
    async with httpx.AsyncClient() as client:
        listening = (await client.get(f"{door.admin}/listeners?format=json")).json()
    addresses = [item["local_address"]["socket_address"]["address"] for item in listening["listener_statuses"]]
    assert addresses == ["127.0.0.1"]


# CORS, written by Envoy alone.


async def preflight(door: Door, origin: str, path: str = STATUS) -> httpx.Response:
    asked = {"access-control-request-method": "GET", "access-control-request-headers": "authorization,last-event-id"}
    return await door.client.options(path, headers={"origin": origin, **asked})


@pytest.mark.parametrize("origin", [ORIGIN, "http://127.0.0.1:3000"])
@pytest.mark.parametrize("path", [STATUS, "/v1/agent/start", "/v1/nothing"])
async def test_a_preflight_needs_no_token(door: Door, origin: str, path: str) -> None:
    answer = await preflight(door, origin, path)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == origin
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert set(answer.headers["access-control-allow-methods"].split(",")) == {
        "GET",
        "POST",
        "PUT",
        "PATCH",
        "DELETE",
        "OPTIONS",
    }
    allowed = {name.lower() for name in answer.headers["access-control-allow-headers"].split(",")}
    assert {"authorization", "last-event-id", "idempotency-key", "x-mcp-url"} <= allowed


@pytest.mark.parametrize("origin", ["https://evil.test", "http://localhost:3000.evil.test", "null", "http://localhost"])
async def test_another_origin_is_told_nothing(door: Door, mesh: FakeMesh, origin: str) -> None:
    answer = await preflight(door, origin)
    assert "access-control-allow-origin" not in answer.headers
    with mesh.on(GET_STATUS, OK):
        told = await door.client.get(STATUS, headers={**bearer(), "origin": origin})
    assert "access-control-allow-origin" not in told.headers


async def test_a_browser_may_read_answers_and_errors_alike(door: Door, mesh: FakeMesh) -> None:
    with mesh.on(GET_STATUS, OK):
        answers = [
            await door.client.get(STATUS, headers={**bearer(), "origin": ORIGIN}),
            await door.client.get(STATUS, headers={"origin": ORIGIN}),
            await door.client.get("/v1/nothing", headers={**bearer(), "origin": ORIGIN}),
        ]
    assert [answer.status_code for answer in answers] == [200, 401, 404]
    for answer in answers:
        assert answer.headers["access-control-allow-origin"] == ORIGIN
        exposed = answer.headers["access-control-expose-headers"].split(",")
        assert {"Retry-After", "X-Request-Id", "X-RateLimit-Remaining"} <= set(exposed)
