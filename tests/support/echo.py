"""A service that has one RPC of each kind and does what it is told: to try the chassis alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, ClassVar

import grpc
from mesh.threads.v1 import threads_pb2 as pb

from services.kit.config import MeshSettings
from services.kit.context import current_call
from services.kit.policy import PolicyTable, Rule
from services.kit.server import Server
from tests.support.harness import FixedRoles

PACKAGE = "mesh.echo.v1"
UUID = "6f1c0000-0000-4000-8000-00000000000a"

Behaviour = Callable[[], Awaitable[Any]]


class EchoSettings(MeshSettings):
    """Settings of the echo."""

    service: ClassVar[str] = "threads"


class Echo:
    """Runs `behaviour` in each RPC; answers and requests are GetProjectRequest, whose `project_id` must be a UUID."""

    def __init__(self) -> None:
        self.behaviour: Behaviour = self._who
        self.cancelled = asyncio.Event()
        self.generator_closed = asyncio.Event()

    async def unary(self, request: pb.GetProjectRequest, context: Any) -> pb.GetProjectRequest:
        try:
            return pb.GetProjectRequest(project_id=str(await self.behaviour()))
        except asyncio.CancelledError:
            self.cancelled.set()
            raise

    async def out(self, request: pb.GetProjectRequest, context: Any) -> AsyncIterator[pb.GetProjectRequest]:
        try:
            yield pb.GetProjectRequest(project_id="first")
            yield await self.unary(request, context)
        finally:
            self.generator_closed.set()

    async def into(self, requests: AsyncIterator[pb.GetProjectRequest], context: Any) -> pb.GetProjectRequest:
        async for _ in requests:
            pass
        return await self.unary(pb.GetProjectRequest(), context)

    async def both(
        self, requests: AsyncIterator[pb.GetProjectRequest], context: Any
    ) -> AsyncIterator[pb.GetProjectRequest]:
        async for request in requests:
            yield await self.unary(request, context)

    async def _who(self) -> str:
        call = current_call()
        return f"{call.caller.kind}:{call.caller.account_id}:{call.caller.service}"


RULES: dict[str, Rule] = {
    "Unary": Rule(users=True, anonymous=True, services={"agent"}, idempotent=True),
    "Out": Rule(users=True),
    "Into": Rule(users=True),
    "Both": Rule(users=True),
    "Internal": Rule(exposure="internal", services={"agent"}),
    "Admins": Rule(users=True, role="admin"),
    "Brief": Rule(users=True, deadline_s=0.05),
}


def register(echo: Echo, server: Server) -> None:
    """As a generated `add_EchoServicer_to_server` would."""
    kinds: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
        "Unary": (grpc.unary_unary_rpc_method_handler, echo.unary),
        "Out": (grpc.unary_stream_rpc_method_handler, echo.out),
        "Into": (grpc.stream_unary_rpc_method_handler, echo.into),
        "Both": (grpc.stream_stream_rpc_method_handler, echo.both),
        "Internal": (grpc.unary_unary_rpc_method_handler, echo.unary),
        "Admins": (grpc.unary_unary_rpc_method_handler, echo.unary),
        "Brief": (grpc.unary_unary_rpc_method_handler, echo.unary),
    }
    server.add_registered_method_handlers(
        f"{PACKAGE}.Echo",
        {
            name: kind(behave, pb.GetProjectRequest.FromString, pb.GetProjectRequest.SerializeToString)
            for name, (kind, behave) in kinds.items()
        },
    )


class EchoStub:
    """As a generated stub would be."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        def method(make: Callable[..., Any], name: str) -> Any:
            serialize, parse = pb.GetProjectRequest.SerializeToString, pb.GetProjectRequest.FromString
            return make(f"/{PACKAGE}.Echo/{name}", serialize, parse)

        self.Unary = method(channel.unary_unary, "Unary")
        self.Out = method(channel.unary_stream, "Out")
        self.Into = method(channel.stream_unary, "Into")
        self.Both = method(channel.stream_stream, "Both")
        self.Internal = method(channel.unary_unary, "Internal")
        self.Admins = method(channel.unary_unary, "Admins")
        self.Brief = method(channel.unary_unary, "Brief")


def building(echo: Echo, **rules: Rule) -> Callable[[EchoSettings, AsyncExitStack], Awaitable[Server]]:
    """The echo's `build`; `rules` replace rows of the table."""

    async def build(settings: EchoSettings, _stack: AsyncExitStack) -> Server:
        server = Server(settings, PolicyTable(PACKAGE, {"Echo": RULES | rules}), roles=FixedRoles())
        register(echo, server)
        return server

    return build
