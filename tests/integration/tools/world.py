"""Tools as in production on a real Postgres, beside a fake sandbox; and a run that calls it."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
from mesh.tools.v1 import tools_pb2 as pb
from mesh.tools.v1 import tools_pb2_grpc

from services.kit.channels import open_as
from services.kit.context import Caller
from services.tools.app import build
from services.tools.config import Settings
from tests.fakes.sandbox.servicer import FakeSandboxServicer, serve_sandbox
from tests.support.harness import ServiceHarness, make_settings, service_token, user_token


def new_id() -> str:
    return str(uuid.uuid4())


@dataclass
class Answer:
    """What a call of ExecuteTool streamed."""

    output: str = ""
    result: pb.ToolResult = field(default_factory=pb.ToolResult)

    @property
    def value(self) -> Any:
        return json.loads(self.result.output_json)


@dataclass
class Run:
    """A run of the agent: its ids, and a stub that calls for it."""

    stub: tools_pb2_grpc.ToolsInternalAsyncStub
    account_id: str = field(default_factory=new_id)
    project_id: str = field(default_factory=new_id)
    thread_id: str = field(default_factory=new_id)
    run_id: str = field(default_factory=new_id)

    def key(self, ordinal: int = 0) -> str:
        return f"{self.run_id}:1:{ordinal}"

    def request(
        self, function: str, arguments: object = None, *, ordinal: int = 0, epoch: int = 1, timeout_s: int = 0
    ) -> pb.ExecuteToolRequest:
        raw = arguments if isinstance(arguments, str) else json.dumps(arguments or {})
        request = pb.ExecuteToolRequest(
            key=self.key(ordinal),
            epoch=epoch,
            function_name=function,
            arguments_json=raw,
            account_id=self.account_id,
            project_id=self.project_id,
            thread_id=self.thread_id,
            run_id=self.run_id,
        )
        if timeout_s:
            request.timeout.FromSeconds(timeout_s)
        return request

    async def call(self, function: str, arguments: object = None, **more: int) -> Answer:
        """Executes to the end."""
        return await collect(self.stub.ExecuteTool(self.request(function, arguments, **more)))

    async def cancel(self, ordinal: int = 0, epoch: int = 1) -> pb.ToolResult:
        request = pb.CancelExecutionRequest(key=self.key(ordinal), epoch=epoch)
        return (await self.stub.CancelExecution(request)).result


async def collect(stream: Any) -> Answer:
    """Reads a stream to its end, and checks its form: output, then one result."""
    answer, results = Answer(), 0
    async for response in stream:
        assert not results, "nothing follows the result"
        if response.HasField("result"):
            answer.result, results = response.result, results + 1
        else:
            answer.output += response.output.text
    assert results == 1
    return answer


async def until_output(stream: Any, wanted: str) -> str:
    """Reads a stream until its output contains a text."""
    output = ""
    while wanted not in output:
        response = await stream.__anext__()
        assert not response.HasField("result"), response.result
        output += response.output.text
    return output


@dataclass
class World:
    """One or more tools processes on one database, and the sandbox beside them."""

    directory: Path
    database_url: str
    sandbox: FakeSandboxServicer
    sandbox_address: str
    channels: list[grpc.aio.Channel] = field(default_factory=list)

    def settings(self, **values: Any) -> Settings:
        given = {"database_url": self.database_url, "mesh_sandbox_url": self.sandbox_address, "mesh_drain_s": 0.5}
        return make_settings(Settings, self.directory, **(given | values))

    @asynccontextmanager
    async def serve(self, **values: Any) -> AsyncIterator[str]:
        """A tools service in this process; its address."""
        async with ServiceHarness(self.settings(**values), build) as harness:
            yield harness.address

    def run_at(self, address: str, run: Run | None = None, scopes: tuple[str, ...] = ("tools",)) -> Run:
        """A new run that calls the service at an address, or the same one calling from there."""
        ids = run or Run(tools_pb2_grpc.ToolsInternalStub(grpc.aio.insecure_channel("unused")))
        caller = Caller("service", account_id=ids.account_id, run_id=ids.run_id, scopes=frozenset(scopes))
        channel = open_as(address, service_token(self.directory / "keys", "agent", "tools", caller))
        self.channels.append(channel)
        stub: Any = tools_pb2_grpc.ToolsInternalStub(channel)
        return Run(stub, ids.account_id, ids.project_id, ids.thread_id, ids.run_id)

    def person_at(self, address: str) -> Any:
        """The public stub of somebody new."""
        channel = open_as(address, user_token(new_id()))
        self.channels.append(channel)
        return tools_pb2_grpc.ToolsStub(channel)


@asynccontextmanager
async def open_world(directory: Path, database_url: str) -> AsyncIterator[World]:
    """The neighbours and the database; services are started by `serve`."""
    async with serve_sandbox(directory) as (sandbox, address):
        world = World(directory, database_url, sandbox, address)
        try:
            yield world
        finally:
            for channel in world.channels:
                await channel.close(None)
