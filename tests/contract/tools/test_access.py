"""The access matrix of tools."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from mesh.tools.v1 import tools_pb2 as pb
from mesh.tools.v1 import tools_pb2_grpc as rpc

from services.kit.ids import RandomIds
from services.tools.app import build
from services.tools.config import Settings
from services.tools.policy import POLICY
from tests.contract.access_matrix import Case, Kind, Things, cases, verdict
from tests.fakes.sandbox.servicer import serve_sandbox
from tests.support.harness import ACCOUNTS, ServiceHarness, make_settings

OWNER = ACCOUNTS["user"]
RUN = "66666666-6666-4666-8666-666666666666"
PLACE: dict[str, Any] = {
    "account_id": OWNER,
    "project_id": "55555555-5555-4555-8555-555555555555",
    "thread_id": "77777777-7777-4777-8777-777777777777",
    "run_id": RUN,
}

KINDS: dict[str, Kind] = {
    "Tools.ListCatalogue": "own",
    "ToolsInternal.ListTools": "internal",
    "ToolsInternal.ExecuteTool": "internal",
    "ToolsInternal.GetExecution": "internal",
    "ToolsInternal.CancelExecution": "internal",
    "ToolsInternal.ForgetThreads": "internal",
}


def execution(key: str) -> pb.ExecuteToolRequest:
    return pb.ExecuteToolRequest(key=key, epoch=1, function_name="view_tasks", arguments_json="{}", **PLACE)


REQUESTS: dict[str, Callable[[Things], Any]] = {
    "Tools.ListCatalogue": lambda _: pb.ListCatalogueRequest(),
    "ToolsInternal.ListTools": lambda _: pb.ListToolsRequest(),
    "ToolsInternal.ExecuteTool": lambda _: execution(f"{RUN}:1:{RandomIds()()}"),
    "ToolsInternal.GetExecution": lambda things: pb.GetExecutionRequest(key=things["key"]),
    "ToolsInternal.CancelExecution": lambda things: pb.CancelExecutionRequest(key=things["key"], epoch=1),
    "ToolsInternal.ForgetThreads": lambda _: pb.ForgetThreadsRequest(thread_ids=[RandomIds()()]),
}

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tools(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ServiceHarness[Settings]]:
    directory: Path = tmp_path_factory.mktemp("tools")
    async with serve_sandbox(directory) as (_, address):
        settings = make_settings(Settings, directory, database_url=database_url, mesh_sandbox_url=address)
        async with ServiceHarness(settings, build) as harness:
            yield harness


async def executed(tools: ServiceHarness[Settings]) -> str:
    """The key of an execution that has its result."""
    request = execution(f"{RUN}:1:{RandomIds()()}")
    stub = tools.stub(rpc.ToolsInternalStub, "service:agent", OWNER, RUN, scopes=("tools",))
    answers = [answer async for answer in stub.ExecuteTool(request)]
    assert answers[-1].HasField("result")
    return request.key


@pytest.mark.parametrize("case", cases([pb.DESCRIPTOR], POLICY, KINDS), ids=str)
async def test_each_caller_gets_the_verdict_of_the_design(tools: ServiceHarness[Settings], case: Case) -> None:
    things = {"key": await executed(tools)}
    channel = tools.channel(case.caller, OWNER, RUN, scopes=("tools",))
    assert await verdict(channel, case.method, REQUESTS[case.rpc](things)) == case.verdict
