"""Every kind of RPC through the whole chain, over a real server and a real channel."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from mesh.threads.v1 import threads_pb2 as pb

from services.kit.errors import (
    Conflict,
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
from services.kit.policy import PolicyTable, Rule
from services.kit.server import Server
from tests.support.echo import PACKAGE, RULES, UUID, Echo, EchoSettings, EchoStub, building, register
from tests.support.harness import ACCOUNTS, ServiceHarness, make_settings

GOOD = pb.GetProjectRequest(project_id=UUID)
BAD = pb.GetProjectRequest(project_id="not-a-uuid")

Harness = ServiceHarness[EchoSettings]


@pytest.fixture
def echo() -> Echo:
    return Echo()


@pytest.fixture
async def harness(echo: Echo, tmp_path: Path) -> AsyncIterator[Harness]:
    async with ServiceHarness(make_settings(EchoSettings, tmp_path), building(echo)) as running:
        yield running


async def _requests(*messages: pb.GetProjectRequest) -> AsyncIterator[pb.GetProjectRequest]:
    for message in messages:
        yield message


async def _call(stub: Any, kind: str, request: pb.GetProjectRequest = GOOD) -> list[str]:
    """Calls an RPC of any kind; the answers' texts."""
    method = getattr(stub, kind)
    if kind in ("Out", "Both"):
        argument = request if kind == "Out" else _requests(request, request)
        return [answer.project_id async for answer in method(argument)]
    return [(await method(_requests(request) if kind == "Into" else request)).project_id]


KINDS = pytest.mark.parametrize("kind", ["Unary", "Out", "Into", "Both"])


@KINDS
async def test_each_kind_answers_and_knows_its_caller(harness: Harness, kind: str) -> None:
    answers = await _call(harness.stub(EchoStub, "user"), kind)
    assert answers[-1] == f"user:{ACCOUNTS['user']}:"


@KINDS
async def test_each_kind_raises_the_servers_own_error(harness: Harness, echo: Echo, kind: str) -> None:
    async def refuse() -> None:
        raise Conflict("Archived", reason="THREAD_ARCHIVED", params={"thread_id": UUID, "count": 3})

    echo.behaviour = refuse
    with pytest.raises(Conflict) as refused:
        await _call(harness.stub(EchoStub, "user"), kind)
    assert (refused.value.message, refused.value.reason) == ("Archived", "THREAD_ARCHIVED")
    assert refused.value.params == {"thread_id": UUID, "count": 3}
    assert refused.value.domain == "mesh.threads"


@KINDS
async def test_each_kind_hides_an_unknown_exception(harness: Harness, echo: Echo, kind: str) -> None:
    async def fail() -> None:
        raise ZeroDivisionError("password=hunter2")

    echo.behaviour = fail
    with pytest.raises(Internal) as failed:
        await _call(harness.stub(EchoStub, "user"), kind)
    assert "hunter2" not in str(failed.value)
    assert failed.value.message == Internal.default_message


@KINDS
async def test_each_kind_names_the_field_that_is_wrong(harness: Harness, kind: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        await _call(harness.stub(EchoStub, "user"), kind, BAD)
    assert [violation.field for violation in refused.value.violations] == ["project_id"]


@KINDS
async def test_each_kind_refuses_a_wrong_token(harness: Harness, kind: str) -> None:
    stub = EchoStub(harness.channel("user"))
    with pytest.raises(Unauthenticated):
        await _call(_with_token(harness, "rubbish"), kind)
    assert await _call(stub, kind)


def _with_token(harness: Harness, token: str) -> EchoStub:
    from services.kit.channels import open_as

    return EchoStub(open_as(harness.address, token))


async def test_a_refusal_is_not_lost_while_its_caller_still_sends(harness: Harness) -> None:
    stub = EchoStub(harness.channel("anonymous"))

    async def refused() -> None:
        with pytest.raises(Unauthenticated):
            await stub.Into(_requests(*[GOOD] * 20))

    async with asyncio.TaskGroup() as group:
        for _ in range(100):
            group.create_task(refused())


@KINDS
async def test_each_kind_is_cancelled_with_its_caller(harness: Harness, echo: Echo, kind: str) -> None:
    started = asyncio.Event()

    async def hang() -> None:
        started.set()
        await asyncio.Event().wait()

    echo.behaviour = hang
    task = asyncio.ensure_future(_call(harness.stub(EchoStub, "user"), kind))
    await asyncio.wait_for(started.wait(), 60)
    task.cancel()
    await asyncio.wait_for(echo.cancelled.wait(), 60)
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_stream_that_is_left_closes_its_generator(harness: Harness, echo: Echo) -> None:
    async def hang() -> None:
        await asyncio.Event().wait()

    echo.behaviour = hang
    responses = harness.stub(EchoStub, "user").Out(GOOD)
    assert (await anext(responses)).project_id == "first"
    responses.cancel()
    await asyncio.wait_for(echo.generator_closed.wait(), 5)


async def test_the_rows_deadline_holds_for_a_caller_who_sent_none(harness: Harness, echo: Echo) -> None:
    async def hang() -> None:
        await asyncio.Event().wait()

    echo.behaviour = hang
    with pytest.raises(DeadlineExceeded):
        await harness.stub(EchoStub, "user").Brief(GOOD)
    await asyncio.wait_for(echo.cancelled.wait(), 5)


async def test_a_shorter_deadline_of_the_caller_holds(harness: Harness, echo: Echo) -> None:
    async def hang() -> None:
        await asyncio.Event().wait()

    echo.behaviour = hang
    with pytest.raises(DeadlineExceeded):
        await harness.stub(EchoStub, "user").Unary(GOOD, timeout=0.05)
    await asyncio.wait_for(echo.cancelled.wait(), 5)


@pytest.mark.parametrize(
    ("rpc", "caller", "refusal"),
    [
        ("Unary", "anonymous", None),
        ("Unary", "service:agent", None),
        ("Unary", "service:billing", PermissionDenied),
        ("Out", "anonymous", Unauthenticated),
        ("Internal", "user", PermissionDenied),
        ("Internal", "super_admin", PermissionDenied),
        ("Internal", "anonymous", Unauthenticated),
        ("Internal", "service:agent", None),
        ("Internal", "service:tools", PermissionDenied),
        ("Admins", "user", PermissionDenied),
        ("Admins", "admin", None),
        ("Admins", "super_admin", None),
        ("Admins", "service:agent", PermissionDenied),
    ],
)
async def test_the_table_decides_who_passes(
    harness: Harness, rpc: str, caller: str, refusal: type[MeshError] | None
) -> None:
    call = _call(harness.stub(EchoStub, caller), rpc)
    if refusal is None:
        assert await call
    else:
        with pytest.raises(refusal):
            await call


async def test_a_service_acts_on_behalf_of_an_account(harness: Harness) -> None:
    stub = harness.stub(EchoStub, "service:agent", account=ACCOUNTS["other"])
    assert await _call(stub, "Internal") == [f"service:{ACCOUNTS['other']}:agent"]


async def test_a_table_without_a_row_does_not_start(tmp_path: Path) -> None:
    rows = {name: rule for name, rule in RULES.items() if name != "Both"}
    server = Server(make_settings(EchoSettings, tmp_path), PolicyTable(PACKAGE, {"Echo": rows}))
    register(Echo(), server)
    with pytest.raises(ValueError, match="without a row"):
        await server.start()


async def test_a_row_without_an_rpc_does_not_start(tmp_path: Path) -> None:
    rows = RULES | {"Invented": Rule(users=True)}
    server = Server(make_settings(EchoSettings, tmp_path), PolicyTable(PACKAGE, {"Echo": rows}))
    register(Echo(), server)
    with pytest.raises(ValueError, match="Invented"):
        await server.start()


async def _trailers(harness: Harness, echo: Echo, error: MeshError) -> dict[str, Any]:
    async def refuse() -> None:
        raise error

    echo.behaviour = refuse
    async with grpc.aio.insecure_channel(harness.address) as channel:
        bearer = ("authorization", f"Bearer {harness.bearer('user')}")
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            await EchoStub(channel).Unary(GOOD, metadata=(bearer, ("x-request-id", "req-7")))
    trailers: dict[str, Any] = dict(failed.value.trailing_metadata() or ())  # type: ignore[arg-type]
    return trailers | {"code": failed.value.code()}


async def test_an_error_carries_the_rest_body_in_trailing_metadata(harness: Harness, echo: Echo) -> None:
    error = PaymentRequired("Too many runs", reason="AGENT_RUN_LIMIT_EXCEEDED", params={"running_count": 2, "limit": 2})
    trailers = await _trailers(harness, echo, error)
    assert trailers["x-mesh-status"] == "402"
    assert trailers["code"] is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert json.loads(trailers["x-mesh-error"]) == {
        "detail": {
            "message": "Too many runs",
            "code": "agent_run_limit_exceeded",
            "error_code": "AGENT_RUN_LIMIT_EXCEEDED",
            "params": {"running_count": 2, "limit": 2},
            "request_id": "req-7",
            "running_count": 2,
            "limit": 2,
        }
    }


async def test_an_error_carries_one_error_info_with_the_services_domain(harness: Harness, echo: Echo) -> None:
    trailers = await _trailers(harness, echo, NotFound(reason="THREAD_NOT_FOUND", params={"thread_id": UUID}))
    status = status_pb2.Status.FromString(trailers["grpc-status-details-bin"])
    infos = [detail for detail in status.details if detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR)]
    info = error_details_pb2.ErrorInfo()
    infos[0].Unpack(info)
    assert len(infos) == 1
    assert (info.reason, info.domain, dict(info.metadata)) == ("THREAD_NOT_FOUND", "mesh.threads", {"thread_id": UUID})


async def test_a_text_beyond_ascii_survives_both_ways(harness: Harness, echo: Echo) -> None:
    trailers = await _trailers(harness, echo, NotFound("Größe 漢字", params={"name": "é"}))
    assert trailers["x-mesh-error"].isascii()
    assert json.loads(trailers["x-mesh-error"])["detail"]["message"] == "Größe 漢字"


async def test_an_enormous_error_still_arrives(harness: Harness, echo: Echo) -> None:
    trailers = await _trailers(harness, echo, NotFound("m" * 100_000, params={"x": "é" * 50_000}))
    assert trailers["x-mesh-status"] == "404"


@pytest.mark.parametrize("error", [Unavailable(retry_after_s=2.2), RateLimited(retry_after_s=2.2)])
async def test_what_may_be_tried_again_says_when(harness: Harness, echo: Echo, error: MeshError) -> None:
    assert (await _trailers(harness, echo, error))["retry-after"] == "3"


async def test_unavailable_of_the_service_is_not_retried_by_the_channel(harness: Harness, echo: Echo) -> None:
    assert (await _trailers(harness, echo, Unavailable()))["grpc-retry-pushback-ms"] == "-1"


async def test_health_answers_without_a_token(harness: Harness) -> None:
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    async with grpc.aio.insecure_channel(harness.address) as channel:
        answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


@pytest.mark.parametrize(("method", "code"), [("Unary", "INVALID_ARGUMENT"), ("Admins", "PERMISSION_DENIED")])
async def test_bytes_that_are_no_message_are_refused_once_the_caller_is_known(
    harness: Harness, method: str, code: str
) -> None:
    metadata = (("authorization", f"Bearer {harness.bearer('user')}"),)
    async with grpc.aio.insecure_channel(harness.address) as channel:
        call = channel.unary_unary(f"/{PACKAGE}.Echo/{method}", request_serializer=bytes, response_deserializer=bytes)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call(b"\xff" * 11, metadata=metadata)
    assert refused.value.code().name == code
    assert "DecodeError" not in (refused.value.details() or "")


async def test_reflection_is_for_admins(harness: Harness) -> None:
    from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

    async def ask(caller: str) -> list[Any]:
        stub = harness.stub(reflection_pb2_grpc.ServerReflectionStub, caller)
        question = reflection_pb2.ServerReflectionRequest(list_services="")

        async def questions() -> AsyncIterator[Any]:
            yield question

        return [answer async for answer in stub.ServerReflectionInfo(questions())]

    assert (await ask("admin"))[0].list_services_response.service
    with pytest.raises(PermissionDenied):
        await ask("user")
