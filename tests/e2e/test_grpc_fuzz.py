"""Hostile messages to every public RPC, by gRPC: each answer is a status with a reason, and nothing is lost."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import grpc
import pytest
import pytest_asyncio
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message_factory import GetMessageClass
from google.rpc import error_details_pb2, status_pb2
from grpc_reflection.v1alpha import reflection_pb2
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.gateway.envoy.surface import load_surface
from services.gateway.openapi.document import DESCRIPTORS
from services.gateway.policies import load_rules
from tests.fuzz.rpc import hostile
from tests.fuzz.seeds import Seeds, sow
from tests.support.mesh import RunningMesh

pytestmark = pytest.mark.xdist_group("mesh")

Code = grpc.StatusCode
REFUSALS = {
    Code.INVALID_ARGUMENT,
    Code.NOT_FOUND,
    Code.ALREADY_EXISTS,
    Code.PERMISSION_DENIED,
    Code.FAILED_PRECONDITION,
    Code.RESOURCE_EXHAUSTED,
}
EXAMPLES = 25


def public_methods() -> Iterator[MethodDescriptor]:
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(DESCRIPTORS.read_bytes()).file:
        pool.Add(file)
    for rpc in load_surface(DESCRIPTORS.read_bytes(), load_rules()).rpcs:
        if rpc.cluster != "edge":
            service, _, method = rpc.method.strip("/").partition("/")
            yield pool.FindServiceByName(service).methods_by_name[method]


METHODS = list(public_methods())


@dataclass(frozen=True)
class Caller:
    """A channel, the owner's token, and what is his."""

    channel: grpc.Channel
    metadata: list[tuple[str, str]]
    seeds: Seeds


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def caller(mesh: RunningMesh) -> AsyncIterator[Caller]:
    owner = str(uuid4())
    await mesh.make_admin(owner)
    async with mesh.client(owner) as client:
        seeds = await sow(client)
        with grpc.insecure_channel(mesh.grpc) as channel:
            yield Caller(channel, [("authorization", f"Bearer {mesh.token(owner)}")], seeds)
        for name, path in (("thread_id", "/threads/{}"), ("agent_id", "/agents/{}")):
            found = [(await client.get(path.format(value))).status_code for value in seeds.values[name]]
            assert set(found) <= {200, 404}  # some were deleted by name; none is broken


def ask(caller: Caller, method: MethodDescriptor, requests: list[bytes]) -> grpc.RpcError | None:
    """What was refused; None for an answer. Of a stream the beginning is read."""
    path = f"/{method.containing_service.full_name}/{method.name}"
    kind = f"{'stream' if method.client_streaming else 'unary'}_{'stream' if method.server_streaming else 'unary'}"
    call = getattr(caller.channel, kind)(path, request_serializer=bytes, response_deserializer=bytes)
    asked = iter(requests) if method.client_streaming else requests[0]
    try:
        answer = call(asked, metadata=caller.metadata, timeout=20)
        if method.server_streaming:
            next(iter(answer), None)
            answer.cancel()
    except grpc.RpcError as refused:
        return refused
    return None


def reason_of(refused: Any) -> str:
    """The reason, which must be told in all ways at once."""
    trailers = dict(refused.trailing_metadata())
    detail = json.loads(trailers["x-mesh-error"])["detail"]
    told = status_pb2.Status.FromString(trailers["grpc-status-details-bin"])
    info = error_details_pb2.ErrorInfo()
    assert told.details[0].Unpack(info)
    assert info.reason == detail["error_code"]
    assert detail["request_id"]
    return str(info.reason)


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.full_name)
def test_every_answer_is_a_status_with_a_reason(mesh: RunningMesh, caller: Caller, method: MethodDescriptor) -> None:
    most = 3 if method.client_streaming else 1
    messages = st.lists(hostile(method.input_type, caller.seeds.values), min_size=1, max_size=most)

    @settings(
        max_examples=EXAMPLES, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
    )
    @given(messages)
    def tried(requests: list[bytes]) -> None:
        refused = ask(caller, method, requests)
        if refused is not None:
            assert refused.code() in REFUSALS, (refused.code(), refused.details(), requests)
            assert reason_of(refused)

    tried()


def test_a_message_that_is_too_large_is_refused_as_such(caller: Caller) -> None:
    method = next(method for method in METHODS if method.name == "WriteFile")
    refused = ask(caller, method, [GetMessageClass(method.input_type)(content="x" * (17 << 20)).SerializeToString()])
    assert refused is not None
    assert refused.code() is Code.RESOURCE_EXHAUSTED


def list_services(mesh: RunningMesh, token: str, package: str) -> list[str]:
    question = reflection_pb2.ServerReflectionRequest(list_services="")
    with grpc.insecure_channel(mesh.grpc) as channel:
        call = channel.stream_stream(
            f"/{package}.ServerReflection/ServerReflectionInfo",
            request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
        )
        answers = call(iter([question]), metadata=(("authorization", f"Bearer {token}"),), timeout=20)
        return [service.name for answer in answers for service in answer.list_services_response.service]


PACKAGES = ("grpc.reflection.v1", "grpc.reflection.v1alpha")


@pytest.mark.parametrize("package", PACKAGES)
async def test_an_admin_is_told_what_there_is(mesh: RunningMesh, user_id: str, package: str) -> None:
    await mesh.make_admin(user_id)
    listed = list_services(mesh, mesh.token(user_id), package)
    assert set(listed) == {method.containing_service.full_name for method in METHODS}


@pytest.mark.parametrize("package", PACKAGES)
def test_a_user_is_not(mesh: RunningMesh, package: str) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        list_services(mesh, mesh.token(), package)
    assert refused.value.code() is Code.PERMISSION_DENIED
