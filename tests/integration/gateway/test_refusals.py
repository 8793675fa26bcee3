"""One error shape, whoever refuses (security G7): Envoy, the transcoder, a service, or nobody being there."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import grpc
import httpx
import pytest
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.message import Message
from grpc_health.v1 import health_pb2
from mesh.agent.v1 import runs_pb2
from mesh.billing.v1 import billing_pb2
from mesh.billing.v1.billing_pb2_grpc import BillingInternalStub
from mesh.sandbox.v1 import sandbox_pb2
from mesh.threads.v1 import threads_pb2
from mesh.threads.v1.threads_pb2_grpc import ThreadsInternalStub, ThreadsStub

from services.kit.errors import (
    AlreadyExists,
    DeadlineExceeded,
    Internal,
    InvalidArgument,
    MeshError,
    NotFound,
    PaymentRequired,
    PermissionDenied,
    RateLimited,
    Unauthenticated,
    Unavailable,
)
from tests.integration.gateway.envoy_process import Door
from tests.integration.gateway.fake_mesh import Call, FakeMesh, Requests, answering, failing
from tests.integration.gateway.tokens import bearer

pytestmark = pytest.mark.asyncio(loop_scope="module")

RUN = "6f1c0000-0000-4000-8000-000000000001"
STATUS = f"/v1/agent-runs/{RUN}/status"
GET_STATUS = "/mesh.agent.v1.AgentRuns/GetRunStatus"
CONTENT = "/mesh.sandbox.v1.Sandboxes/ReadFile"
SHAPE = {"message", "code", "error_code", "params", "request_id"}


def detail_of(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The detail of an error answer that has the one shape."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert not [name for name in answer.headers if name.startswith(("grpc-", "x-mesh-"))]
    body = answer.json()
    assert set(body) == {"detail"}
    detail: dict[str, Any] = body["detail"]
    assert set(detail) >= SHAPE
    assert (detail["error_code"], detail["code"]) == (code, code.lower())
    assert detail["message"]
    assert isinstance(detail["params"], dict)
    return detail


KNOWN_ERRORS = [
    InvalidArgument.of("x", "is wrong"),
    Unauthenticated(),
    PaymentRequired("Too many runs", params={"running_count": 2, "limit": 2}, reason="AGENT_RUN_LIMIT_EXCEEDED"),
    PermissionDenied(reason="READ_ONLY_PROJECT"),
    NotFound("No such run", params={"agent_run_id": RUN}, reason="RUN_NOT_FOUND"),
    AlreadyExists(reason="IDEMPOTENCY_CONFLICT"),
    RateLimited(retry_after_s=7, reason="THREAD_QUEUE_FULL"),
    Internal(),
    Unavailable(retry_after_s=3),
    DeadlineExceeded(),
]


@pytest.mark.parametrize("error", KNOWN_ERRORS, ids=lambda error: str(error.http_status))
async def test_what_a_service_refuses_arrives_as_it_said_it(door: Door, mesh: FakeMesh, error: MeshError) -> None:
    with mesh.on(GET_STATUS, failing(error)):
        answer = await door.client.get(STATUS, headers=bearer())
    detail = detail_of(answer, error.http_status, error.reason)
    assert detail["message"] == error.message
    assert error.params.items() <= detail["params"].items()
    assert error.params.items() <= detail.items()
    assert answer.headers.get("retry-after") == (str(int(error.retry_after_s)) if error.retry_after_s else None)
    assert ("www-authenticate" in answer.headers) == (error.http_status == 401)


async def test_a_long_text_in_any_script_arrives_whole(door: Door, mesh: FakeMesh) -> None:
    text = 'ünïcode 🙂 "quoted" \\ ' + "x" * 400
    with mesh.on(GET_STATUS, failing(NotFound(text, params={"name": text}))):
        detail = detail_of(await door.client.get(STATUS, headers=bearer()), 404, "NOT_FOUND")
    assert (detail["message"], detail["name"]) == (text, text)


async def test_a_stream_that_is_refused_has_the_shape_too(door: Door, mesh: FakeMesh) -> None:
    with mesh.on(CONTENT, failing(NotFound("No such file", reason="FILE_NOT_FOUND"))):
        answer = await door.client.get(f"/v1/sandboxes/{RUN}/files/content?path=a", headers=bearer())
    detail_of(answer, 404, "FILE_NOT_FOUND")


async def test_a_method_that_its_service_does_not_know_yet(door: Door) -> None:
    answer = await door.client.get(STATUS, headers=bearer())
    assert detail_of(answer, 501, "UNIMPLEMENTED")["request_id"] == answer.headers["x-request-id"]


async def test_a_bare_grpc_failure_without_our_trailers(door: Door, mesh: FakeMesh) -> None:
    async def broken(requests: Requests, call: Call) -> AsyncIterator[Message]:
        await call.context.abort(grpc.StatusCode.UNKNOWN, "Traceback: secret things at 10.0.0.1")
        yield Message()

    with mesh.on(GET_STATUS, broken):
        answer = await door.client.get(STATUS, headers=bearer())
    detail_of(answer, 500, "INTERNAL_ERROR")
    assert "secret" not in answer.text + str(answer.headers)


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/v1/nothing"), ("GET", "/"), ("PUT", STATUS), ("GET", "/metrics"), ("GET", f"{STATUS}/more")],
)
async def test_what_has_no_route_is_a_404(door: Door, method: str, path: str) -> None:
    answer = await door.client.request(method, path, headers=bearer())
    assert detail_of(answer, 404, "NOT_FOUND")["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize("body", [b"{", b'{"path": 5}', b'{"content": {"a": 1}}'])
async def test_json_that_is_no_message_is_a_400(door: Door, body: bytes) -> None:
    answer = await door.client.put(
        f"/v1/sandboxes/{RUN}/files", content=body, headers={**bearer(), "content-type": "application/json"}
    )
    detail_of(answer, 400, "INVALID_ARGUMENT")


async def test_a_query_of_the_wrong_type_is_a_400(door: Door) -> None:
    detail_of(await door.client.get("/v1/threads?page=many", headers=bearer()), 400, "INVALID_ARGUMENT")


async def test_a_body_over_the_cap_is_a_413(door: Door, mesh: FakeMesh) -> None:
    body = json.dumps({"path": "a", "content": "x" * 13 * 2**20}).encode()
    host, port = door.address.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = f"PUT /v1/sandboxes/{RUN}/files HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n"
    writer.write(f"{head}authorization: {bearer()['authorization']}\r\n\r\n".encode() + body)
    # The answer comes before the body has been read to its end: a client must listen while it sends.
    with mesh.on("/mesh.sandbox.v1.Sandboxes/WriteFile", answering(sandbox_pb2.WriteFileResponse())):
        raw, _, text = (await asyncio.wait_for(reader.readuntil(b"}}"), 10)).partition(b"\r\n\r\n")
    writer.transport.abort()
    assert raw.startswith(b"HTTP/1.1 413 ")
    assert json.loads(text)["detail"]["error_code"] == "REQUEST_TOO_LARGE"


async def test_api_keys_are_told_to_be_not_enabled(door: Door) -> None:
    answer = await door.client.get(STATUS, headers={"x-api-key": "pk_a:sk_b"})
    detail_of(answer, 401, "API_KEYS_NOT_ENABLED")
    detail_of(await door.client.get(STATUS, headers={"x-api-key": "x", **bearer()}), 401, "API_KEYS_NOT_ENABLED")


@pytest.mark.parametrize("path", ["/v1/threads/a%2Fb", "/v1/threads/a%5Cb"])
async def test_an_escaped_slash_is_a_400(door: Door, path: str) -> None:
    detail_of(await door.client.get(path, headers=bearer()), 400, "INVALID_ARGUMENT")


async def test_headers_over_the_cap_are_a_431(door: Door) -> None:
    detail_of(await door.client.get(STATUS, headers={"x-big": "x" * 40_000}), 431, "HEADERS_TOO_LARGE")


async def test_too_many_headers_are_a_431(door: Door) -> None:
    headers = {f"x-n{number}": "1" for number in range(100)}
    detail_of(await door.client.get(STATUS, headers=headers), 431, "HEADERS_TOO_LARGE")


# gRPC on the same port: statuses, and the same body in the trailers.


async def refused(call: Any) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await call
    return failed.value


def trailers_of(failed: grpc.aio.AioRpcError) -> dict[str, Any]:
    trailers: Any = failed.trailing_metadata()
    found: dict[str, Any] = dict(trailers)
    assert set(json.loads(found["x-mesh-error"])["detail"]) >= SHAPE
    return found


async def test_internal_rpcs_do_not_exist_from_outside(door: Door, mesh: FakeMesh) -> None:
    before = len(mesh.calls)
    metadata = list(bearer().items())
    async with grpc.aio.insecure_channel(door.address) as channel:
        calls = (
            ThreadsInternalStub(channel).CheckAccess(threads_pb2.CheckAccessRequest(), metadata=metadata),
            BillingInternalStub(channel).LookupRole(billing_pb2.LookupRoleRequest(), metadata=metadata),
        )
        for call in calls:
            failed = await refused(call)
            assert failed.code() is grpc.StatusCode.UNIMPLEMENTED
            assert trailers_of(failed)["x-mesh-status"] == "404"
    for path in ("/mesh.threads.v1.ThreadsInternal/CheckAccess", "/mesh.gateway.v1.Edge/Metrics"):
        for headers in ({}, {"content-type": "application/json"}, {"content-type": "application/grpc"}):
            answer = await door.client.post(path, headers={**bearer(), **headers}, content=b"{}")
            assert answer.status_code in (200, 404)
            assert answer.status_code == 404 or answer.headers["grpc-status"] == "12"
    assert len(mesh.calls) == before


async def test_public_rpcs_do_not_answer_json_at_their_grpc_path(door: Door, mesh: FakeMesh) -> None:
    answer = await door.client.post("/mesh.threads.v1.Threads/GetThread", headers=bearer(), json={"thread_id": RUN})
    detail_of(answer, 404, "NOT_FOUND")


async def test_a_grpc_caller_without_a_token(door: Door) -> None:
    async with grpc.aio.insecure_channel(door.address) as channel:
        failed = await refused(ThreadsStub(channel).ListThreads(threads_pb2.ListThreadsRequest()))
    assert failed.code() is grpc.StatusCode.UNAUTHENTICATED
    assert trailers_of(failed)["x-mesh-status"] == "401"


async def test_what_a_service_refuses_reaches_a_grpc_caller_whole(door: Door, mesh: FakeMesh) -> None:
    error = PaymentRequired("Too many threads", params={"limit": 10}, reason="THREAD_LIMIT_EXCEEDED")
    async with grpc.aio.insecure_channel(door.address) as channel:
        with mesh.on("/mesh.threads.v1.Threads/CreateThread", failing(error)):
            request = threads_pb2.CreateThreadRequest(name="x")
            failed = await refused(ThreadsStub(channel).CreateThread(request, metadata=list(bearer().items())))
    assert (failed.code(), failed.details()) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "Too many threads")
    assert trailers_of(failed)["x-mesh-status"] == "402"
    assert b"THREAD_LIMIT_EXCEEDED" in trailers_of(failed)["grpc-status-details-bin"]


# Nobody there, or nobody in time.


async def test_a_service_that_is_not_ready_is_a_503_and_comes_back(door: Door, mesh: FakeMesh) -> None:
    serving = health_pb2.HealthCheckResponse.ServingStatus
    with mesh.on(GET_STATUS, answering(runs_pb2.GetRunStatusResponse(status="running"))):
        await mesh.health.set("", serving.NOT_SERVING)
        try:
            answer = await until(door, 503)
        finally:
            await mesh.health.set("", serving.SERVING)
        detail = detail_of(answer, 503, "UNAVAILABLE")
        assert answer.headers["retry-after"] == "1"
        assert detail["request_id"] == answer.headers["x-request-id"]
        await until(door, 200)


async def until(door: Door, status: int) -> httpx.Response:
    """The first answer of that status; Envoy asks each second how its services are."""
    async with asyncio.timeout(20):
        while True:
            answer = await door.client.get(STATUS, headers=bearer())
            if answer.status_code == status:
                return answer


async def test_a_service_that_hangs_is_a_504(door: Door, mesh: FakeMesh) -> None:
    hung = asyncio.Event()

    async def hanging(requests: Requests, call: Call) -> AsyncIterator[Message]:
        await hung.wait()
        yield HttpBody()

    with mesh.on("/mesh.gateway.v1.Edge/Health", hanging):  # its row gives it five seconds
        answer = await door.client.get("/v1/health")
    hung.set()
    detail_of(answer, 504, "DEADLINE_EXCEEDED")
