"""The gRPC server of a service: registers servicers against the policy table, and wraps each handler once.

It has the interface of a `grpc.aio.Server`, so that generated `add_..._to_server` functions take it. Handlers are
collected, and adapted when the server starts: only then is the table compared with what is offered.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Self

import grpc
from grpc_health.v1 import health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2_grpc
from grpc_reflection.v1alpha._async import ReflectionServicer
from prometheus_client import start_http_server

from services.kit.auth import open_authenticator
from services.kit.clock import Clock, SystemClock
from services.kit.cloudwatch import CloudWatchSink
from services.kit.config import MeshSettings
from services.kit.errors import MeshError
from services.kit.figures import Figure, FigurePublisher, Reading, Sink
from services.kit.health import Readiness, ReadinessCheck
from services.kit.ids import IdSource, RandomIds
from services.kit.interceptors import (
    Authentication,
    Authorization,
    Deadlines,
    Errors,
    Hold,
    Interceptor,
    Telemetry,
    Validation,
    adapt,
)
from services.kit.logging import get_logger
from services.kit.memory import MemoryWatchdog
from services.kit.otlp_figures import OtlpSink
from services.kit.policy import PolicyTable, RoleLookup, Rule
from services.kit.tasks import Supervisor
from services.kit.telemetry import LoopLag, open_tracing, rpc_metrics

log = get_logger()

REFLECTION = (reflection.SERVICE_NAME, "grpc.reflection.v1.ServerReflection")
ADMINS = Rule(users=True, role="admin", rate="read")

DrainHook = Callable[[], Awaitable[object]]
_Handlers = Mapping[str, "grpc.RpcMethodHandler[Any, Any]"]


class Server(grpc.aio.Server):
    """Serves what is registered, to those whom the table lets in, until it is drained.

    `roles` answers for RPCs that ask for a role; without it nobody has one, and reflection is not offered. `reflected`
    is what reflection shows, by default what is served here.
    """

    def __init__(
        self,
        settings: MeshSettings,
        policy: PolicyTable,
        *,
        roles: RoleLookup | None = None,
        reflected: ReflectionServicer | None = None,
        clock: Clock | None = None,
        ids: IdSource | None = None,
    ) -> None:
        self._settings = settings
        self._policy = policy
        self._roles = roles
        self._reflected = reflected
        self._clock = clock or SystemClock()
        self._ids = ids or RandomIds()
        self._services: dict[str, _Handlers] = {}
        self._ready_hooks: list[Callable[[], object]] = []
        self._drain_hooks: list[DrainHook] = []
        self._readings: list[Reading] = [self._vitals]
        self._holds: list[Hold] = []
        self._readiness = Readiness()
        self._stack = AsyncExitStack()
        self._grpc = grpc.aio.server(options=_options(settings))
        self.loop_lag = LoopLag()
        self.memory = MemoryWatchdog(settings.mesh_memory_limit_mib)
        self.address = ""

    def check(self, name: str, ask: ReadinessCheck) -> None:
        """A dependency without which this process is not ready."""
        self._readiness.add(name, ask)

    def hold(self, over: asyncio.Event) -> None:
        """RPCs are taken in, and wait until then: for a service that must wait for its predecessor's end."""
        self._holds.append(Hold(over))

    def on_ready(self, hook: Callable[[], object]) -> None:
        """Called once the process serves: for what it needs soon, and should not be waited for."""
        self._ready_hooks.append(hook)

    def on_drain(self, hook: DrainHook) -> None:
        """Called in order when the process is asked to end, after it stopped being ready, before RPCs are cut. What
        it finds away (a MeshError) is logged, and no more."""
        self._drain_hooks.append(hook)

    def figures(self, reading: Reading) -> None:
        """What this process sends to metrics systems beside its memory and the lateness of its loop."""
        self._readings.append(reading)

    async def start(self) -> None:
        """Checks the table, binds, and serves."""
        offered = [f"/{service}/{method}" for service, handlers in self._services.items() for method in handlers]
        self._policy.check_complete(offered)
        interceptors = await self._interceptors()
        if self._roles is not None:
            self._offer_reflection()
        for service, handlers in self._services.items():
            self._register(service, handlers, interceptors)
        health_pb2_grpc.add_HealthServicer_to_server(self._readiness.servicer, self._grpc)
        self._readiness.serve(list(self._services))
        await self._readiness.refresh()
        host, _, _ = self._settings.mesh_listen.rpartition(":")
        self.address = f"{host}:{self._grpc.add_insecure_port(self._settings.mesh_listen)}"
        await self._grpc.start()
        await self._start_watching(host)
        log.info("server.ready", address=self.address)
        for hook in self._ready_hooks:
            hook()

    async def leave(self) -> None:
        """Not ready from now on: who has another address turns to it. All that still comes is served."""
        await self._readiness.leave()

    async def drain(self) -> None:
        """Not ready; then the hooks, whatever is away; then RPCs under way get the grace of the settings."""
        await self.leave()
        for hook in self._drain_hooks:
            try:
                await hook()
            except MeshError as failed:
                log.warning("server.drain_hook_failed", reason=failed.reason)
        await self.stop(self._settings.mesh_drain_s)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop(0)
        await self._stack.aclose()

    async def _interceptors(self) -> Sequence[Interceptor]:
        authenticator = await self._stack.enter_async_context(open_authenticator(self._settings, self._clock))
        tracing = open_tracing(self._settings)
        if tracing is not None:
            self._stack.callback(tracing.close)
        return (
            Telemetry(self._settings.service, rpc_metrics(), tracing, self._clock, self._ids),
            Errors(f"mesh.{self._settings.service}"),
            Deadlines(self._clock),
            Authentication(authenticator),
            Authorization(self._roles),
            Validation(),
            *self._holds,
        )

    def _offer_reflection(self) -> None:
        servicer = self._reflected or ReflectionServicer([*self._services, *REFLECTION])
        reflection_pb2_grpc.add_ServerReflectionServicer_to_server(servicer, self)
        # The same messages by the name that newer clients ask for first.
        for name in REFLECTION:
            self._services[name] = self._services[reflection.SERVICE_NAME]

    def _register(self, service: str, handlers: _Handlers, interceptors: Sequence[Interceptor]) -> None:
        adapted = {
            method: adapt(handler, f"/{service}/{method}", self._rule(service, method), interceptors)
            for method, handler in handlers.items()
        }
        self._grpc.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, adapted),))

    def _rule(self, service: str, method: str) -> Rule:
        return ADMINS if service in REFLECTION else self._policy.rule(f"/{service}/{method}")

    async def _start_watching(self, host: str) -> None:
        watch = await self._stack.enter_async_context(Supervisor())
        watch.start("health", self._readiness.run)
        watch.start("loop_lag", self.loop_lag.run)
        watch.start("memory", self.memory.run)
        if self._settings.mesh_metrics_port:
            http, _ = start_http_server(self._settings.mesh_metrics_port, addr=host)
            self._stack.callback(http.shutdown)
        if sinks := _sinks(self._settings):
            publisher = FigurePublisher(self._read, sinks, self._settings.mesh_figures_s)
            watch.start("figures", publisher.run)
            self._stack.callback(publisher.close)

    def _read(self) -> list[Figure]:
        return [figure for reading in self._readings for figure in reading()]

    def _vitals(self) -> list[Figure]:
        return [
            Figure("mesh.memory.resident", "By", self.memory.share * self.memory.limit_bytes),
            Figure("mesh.memory.share", "1", self.memory.share),
            Figure("mesh.loop.lag", "s", self.loop_lag.last_s),
        ]

    # The interface of grpc.aio.Server, for generated code.

    def add_registered_method_handlers(self, service_name: str, method_handlers: _Handlers) -> None:
        """Takes a service's handlers; called by generated code."""
        self._services[service_name] = method_handlers

    def add_generic_rpc_handlers(self, generic_rpc_handlers: Iterable[grpc.GenericRpcHandler[Any, Any]]) -> None:
        """Nothing to do: generated code hands over the same handlers by name."""

    def add_insecure_port(self, address: str) -> int:
        return self._grpc.add_insecure_port(address)

    def add_secure_port(self, address: str, server_credentials: grpc.ServerCredentials) -> int:
        return self._grpc.add_secure_port(address, server_credentials)

    async def stop(self, grace: float | None = None) -> None:
        await self._grpc.stop(grace)

    async def wait_for_termination(self, timeout: float | None = None) -> bool:
        return await self._grpc.wait_for_termination(timeout)


def _sinks(settings: MeshSettings) -> list[Sink]:
    if not settings.mesh_figures_s:
        return []
    host, sinks = socket.gethostname(), list[Sink]()
    collector = settings.otel_exporter_otlp_metrics_endpoint or settings.otel_exporter_otlp_endpoint
    if collector:
        sinks.append(OtlpSink(settings.service, f"{host}:{os.getpid()}", collector))
    if settings.mesh_cloudwatch_namespace:
        sinks.append(CloudWatchSink(settings.mesh_cloudwatch_namespace, settings.service, host))
    return sinks


def _options(settings: MeshSettings) -> list[tuple[str, int]]:
    limit = settings.mesh_max_message_bytes
    return [
        ("grpc.max_send_message_length", limit),
        ("grpc.max_receive_message_length", limit),
        ("grpc.max_concurrent_streams", settings.mesh_max_streams),
        # What a slow handler has not read waits at its sender: an estimated window would hold tens of MiB of an upload.
        ("grpc.http2.bdp_probe", 0),
        ("grpc.http2.lookahead_bytes", 256 * 1024),
        # Room for a token that is too large to be told so, instead of a refusal by the transport.
        ("grpc.max_metadata_size", 64 * 1024),
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
        # Two processes on one port would share its connections at random.
        ("grpc.so_reuseport", 0),
    ]
