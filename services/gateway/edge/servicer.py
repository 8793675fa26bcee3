"""The edge of the edge: raw bodies in, one use case each, raw bodies out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

import grpc
import orjson
from google.api.httpbody_pb2 import HttpBody
from mesh.gateway.v1 import edge_pb2 as pb
from mesh.gateway.v1.edge_pb2_grpc import EdgeServicer

from services.gateway.edge.codec.orders import START_FLAGS
from services.gateway.edge.domain import Form, Json
from services.gateway.edge.forms import Limits, json_object, read_form
from services.gateway.edge.use_cases.create_thread import CreateThread
from services.gateway.edge.use_cases.look_after import LookAfter
from services.gateway.edge.use_cases.prewarm import Prewarm
from services.gateway.edge.use_cases.show_account_state import ShowAccountState
from services.gateway.edge.use_cases.show_project import ShowProject
from services.gateway.edge.use_cases.show_system_status import ShowSystemStatus
from services.gateway.edge.use_cases.show_thread import ShowThread
from services.gateway.edge.use_cases.start_agent_run import StartAgentRun
from services.gateway.edge.use_cases.stream_agent_run import StreamAgentRun
from services.gateway.edge.use_cases.update_presence import UpdatePresence
from services.gateway.edge.use_cases.upload_file import UploadFile
from services.gateway.edge.viewers import seconds_left, viewer_of
from services.kit.clock import Clock
from services.kit.context import current_caller
from services.kit.errors import InvalidArgument

Context = grpc.aio.ServicerContext[Any, Any]

_STREAM_HEADERS = (("cache-control", "no-cache, no-transform"), ("x-accel-buffering", "no"))


@dataclass(frozen=True, slots=True)
class UseCases:
    """Everything that the edge does."""

    start_agent_run: StartAgentRun
    stream_agent_run: StreamAgentRun
    create_thread: CreateThread
    show_thread: ShowThread
    show_project: ShowProject
    show_account_state: ShowAccountState
    upload_file: UploadFile
    update_presence: UpdatePresence
    show_system_status: ShowSystemStatus
    prewarm: Prewarm
    look_after: LookAfter


class Edge(EdgeServicer):
    """mesh.gateway.v1.Edge."""

    def __init__(self, use_cases: UseCases, limits: Limits, clock: Clock) -> None:
        self._do = use_cases
        self._limits = limits
        self._clock = clock

    async def StartAgentRun(self, requests: AsyncIterator[pb.StartAgentRunRequest], context: Context) -> HttpBody:
        async with self._form(_Body(requests), flags=START_FLAGS) as form:
            key = _header(context, "idempotency-key")
            return _json(await self._do.start_agent_run(current_caller().account_id, form, key))

    async def StreamAgentRun(  # type: ignore[override]  # writes by itself
        self, request: pb.StreamAgentRunRequest, context: Context
    ) -> None:
        viewer = _Viewer(context)
        await self._do.stream_agent_run(
            request.agent_run_id,
            viewer=viewer_of(current_caller(), _header(context, "x-forwarded-for")),
            last_event_id=_header(context, "last-event-id"),
            last_id=request.last_id or None,
            seconds=seconds_left(current_caller(), self._clock),
            write=viewer.write,
        )

    async def CreateThread(self, request: pb.CreateThreadRequest, context: Context) -> HttpBody:
        async with self._form(_Body.of(request.body)) as form:
            return _json(await self._do.create_thread(form))

    async def GetThread(self, request: pb.GetThreadRequest, context: Context) -> HttpBody:
        return _json(await self._do.show_thread(request.thread_id))

    async def UpdateThread(self, request: pb.UpdateThreadRequest, context: Context) -> HttpBody:
        return _json(await self._do.show_thread.changed(request.thread_id, json_object(request.body.data)))

    async def GetProject(self, request: pb.GetProjectRequest, context: Context) -> HttpBody:
        return _json(await self._do.show_project(request.project_id))

    async def GetAccountState(self, request: pb.GetAccountStateRequest, context: Context) -> HttpBody:
        return _json(await self._do.show_account_state(current_caller().account_id, request.skip_cache))

    async def UploadSandboxFile(
        self, requests: AsyncIterator[pb.UploadSandboxFileRequest], context: Context
    ) -> HttpBody:
        body = _Body(requests)
        async with self._form(body) as form:
            return _json(await self._do.upload_file.to_sandbox(body.first.sandbox_id, form))

    async def UploadProjectFile(
        self, requests: AsyncIterator[pb.UploadProjectFileRequest], context: Context
    ) -> HttpBody:
        body = _Body(requests)
        async with self._form(body) as form:
            return _json(await self._do.upload_file.to_project(body.first.project_id, form))

    async def ReplaceSandboxFile(
        self, requests: AsyncIterator[pb.ReplaceSandboxFileRequest], context: Context
    ) -> HttpBody:
        body = _Body(requests)
        async with self._form(body) as form:
            return _json(await self._do.upload_file.in_place(body.first.sandbox_id, form))

    async def UpdatePresence(self, request: pb.UpdatePresenceRequest, context: Context) -> HttpBody:
        return _json(await self._do.update_presence(current_caller().account_id, json_object(request.body.data)))

    async def GetSystemStatus(self, request: pb.GetSystemStatusRequest, context: Context) -> HttpBody:
        return _json(await self._do.show_system_status())

    async def Prewarm(self, request: pb.PrewarmRequest, context: Context) -> HttpBody:
        return _json(await self._do.prewarm(current_caller().account_id))

    async def Health(self, request: pb.HealthRequest, context: Context) -> HttpBody:
        return _json(self._do.look_after.health())

    async def HealthDocker(self, request: pb.HealthDockerRequest, context: Context) -> HttpBody:
        return _json(await self._do.look_after.health_of_all())

    async def Metrics(self, request: pb.MetricsRequest, context: Context) -> HttpBody:
        return _json(await self._do.look_after.metrics())

    async def Debug(self, request: pb.DebugRequest, context: Context) -> HttpBody:
        return _json(self._do.look_after.debug())

    async def DebugRedis(self, request: pb.DebugRedisRequest, context: Context) -> HttpBody:
        return _json(await self._do.look_after.debug_cache())

    def _form(self, body: _Body, flags: Collection[str] = ()) -> AbstractAsyncContextManager[Form]:
        return _FormOf(body, self._limits, flags)


class _Body:
    """A request stream whose messages each carry a piece of the body; the first one also says what it is."""

    def __init__(self, requests: AsyncIterator[Any]) -> None:
        self._requests = requests
        self.first: Any = None

    @classmethod
    def of(cls, body: HttpBody) -> _Body:
        """A body that came in one message."""
        return cls(_one(pb.CreateThreadRequest(body=body)))

    async def begin(self) -> str:
        """Waits for the first message; the content type. Raises InvalidArgument where none came."""
        self.first = await anext(self._requests, None)
        if self.first is None:
            raise InvalidArgument.of("body", "is missing")
        return str(self.first.body.content_type)

    async def pieces(self) -> AsyncIterator[bytes]:
        yield self.first.body.data
        async for request in self._requests:
            yield request.body.data


class _FormOf(AbstractAsyncContextManager[Form]):
    """The form in a body, and its files while it is entered."""

    def __init__(self, body: _Body, limits: Limits, flags: Collection[str]) -> None:
        self._body = body
        self._limits = limits
        self._flags = flags

    async def __aenter__(self) -> Form:
        self._reading = read_form(await self._body.begin(), self._body.pieces(), self._limits, self._flags)
        return await self._reading.__aenter__()

    async def __aexit__(self, *error: Any) -> bool | None:
        return await self._reading.__aexit__(*error)


class _Viewer:
    """Writes server-sent events; the headers go out with the first."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._begun = False

    async def write(self, data: bytes) -> None:
        if not self._begun:
            self._begun = True
            await self._context.send_initial_metadata(_STREAM_HEADERS)
            await self._context.write(HttpBody(content_type="text/event-stream", data=data))
        else:
            await self._context.write(HttpBody(data=data))


async def _one(message: Any) -> AsyncIterator[Any]:
    yield message


def _json(view: Json) -> HttpBody:
    return HttpBody(content_type="application/json", data=orjson.dumps(view))


def _header(context: Context, name: str) -> str | None:
    for key, value in context.invocation_metadata() or ():
        if key == name:
            return str(value)
    return None
