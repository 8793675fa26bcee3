"""All services behind the door in one real gRPC server: answers are scripted per method, and calls are kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf.descriptor_pool import Default
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1._async import HealthServicer
from mesh.agent.v1 import runs_pb2
from mesh.billing.v1 import billing_pb2
from mesh.gateway.v1 import edge_pb2
from mesh.sandbox.v1 import sandbox_pb2
from mesh.threads.v1 import threads_pb2

from services.kit.errors import MeshError, to_wire

REGISTERED = (runs_pb2, billing_pb2, edge_pb2, sandbox_pb2, threads_pb2)

Requests = AsyncIterator[Any]
Script = Callable[[Requests, "Call"], AsyncIterator[Message]]


_REST_S = 1.0


@dataclass
class Call:
    """One RPC that arrived."""

    method: str
    metadata: dict[str, str]
    context: Any
    requests: list[Any] = field(default_factory=list)

    async def fail(self, error: MeshError, request_id: str = "r") -> None:
        """Ends it as the kit would."""
        trailers = to_wire(error, domain="mesh.fake", request_id=request_id)
        await self.context.abort(error.code, error.message, trailers)


def answering(*messages: Message) -> Script:
    """Reads all requests, then answers these."""

    async def script(requests: Requests, _: Call) -> AsyncIterator[Message]:
        async for _request in requests:
            pass
        for message in messages:
            yield message

    return script


def failing(error: MeshError) -> Script:
    """Refuses as a service would."""

    async def script(requests: Requests, call: Call) -> AsyncIterator[Message]:
        with suppress(TimeoutError):  # as the kit does: a refusal that overtakes what is being sent is lost on its way
            async with asyncio.timeout(_REST_S):
                async for _ in requests:
                    pass
        await call.fail(error)
        yield Message()

    return script


class FakeMesh(grpc.GenericRpcHandler):  # type: ignore[type-arg]  # generic in its type stub alone
    """Answers the methods that were scripted; the others are UNIMPLEMENTED."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.address = ""
        self.health = HealthServicer()
        self._scripts: dict[str, Script] = {}

    @contextmanager
    def on(self, method: str, script: Script) -> Iterator[list[Call]]:
        """Scripts a method for a while and tells the calls that came meanwhile."""
        before, self._scripts = self._scripts, {**self._scripts, method: script}
        begun = len(self.calls)
        seen: list[Call] = []
        try:
            yield seen
        finally:
            seen.extend(self.calls[begun:])
            self._scripts = before

    @property
    def last(self) -> Call:
        return self.calls[-1]

    def service(self, handler_call_details: Any) -> grpc.RpcMethodHandler[Any, Any] | None:
        script = self._scripts.get(handler_call_details.method)
        if script is None:
            return None
        described = Default().FindMethodByName(handler_call_details.method.strip("/").replace("/", "."))

        async def handle(requests: Requests, context: Any) -> AsyncIterator[Message]:
            metadata = {key: str(value) for key, value in context.invocation_metadata()}
            call = Call(handler_call_details.method, metadata, context)
            self.calls.append(call)
            async for message in script(_kept(requests, call), call):
                yield message

        return grpc.stream_stream_rpc_method_handler(
            handle,
            request_deserializer=GetMessageClass(described.input_type).FromString,
            response_serializer=lambda message: message.SerializeToString(),
        )


async def _kept(requests: Requests, call: Call) -> Requests:
    async for request in requests:
        call.requests.append(request)
        yield request


@asynccontextmanager
async def open_fake_mesh() -> AsyncIterator[FakeMesh]:
    """A served FakeMesh on a free port."""
    mesh = FakeMesh()
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", 16 * 2**20)])
    server.add_generic_rpc_handlers((mesh,))
    health_pb2_grpc.add_HealthServicer_to_server(mesh.health, server)
    await mesh.health.set("", health_pb2.HealthCheckResponse.SERVING)
    mesh.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    try:
        yield mesh
    finally:
        await server.stop(0)
