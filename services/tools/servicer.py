"""The RPC edge of tools: decode, call one use case, encode."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from mesh.tools.v1 import tools_pb2 as pb
from mesh.tools.v1 import tools_pb2_grpc

from services.kit.context import current_caller
from services.tools import codec
from services.tools.executions.executor import Executor
from services.tools.ports import TaskLists
from services.tools.use_cases.execute_tool import ExecuteTool
from services.tools.use_cases.list_tools import ListTools


class ToolsServicer(tools_pb2_grpc.ToolsServicer):
    """The catalogue, for people."""

    def __init__(self, list_tools: ListTools) -> None:
        self._list_tools = list_tools

    async def ListCatalogue(self, _request: pb.ListCatalogueRequest, _context: Any) -> pb.ListCatalogueResponse:
        return pb.ListCatalogueResponse(success=True, tools=codec.encode_tools(self._list_tools()))


class ToolsInternalServicer(tools_pb2_grpc.ToolsInternalServicer):
    """Tools and their executions."""

    def __init__(
        self, list_tools: ListTools, execute_tool: ExecuteTool, executor: Executor, task_lists: TaskLists
    ) -> None:
        self._list_tools = list_tools
        self._execute_tool = execute_tool
        self._executor = executor
        self._task_lists = task_lists

    async def ListTools(self, _request: pb.ListToolsRequest, _context: Any) -> pb.ListToolsResponse:
        return pb.ListToolsResponse(tools=codec.encode_tools(self._list_tools()))

    async def ExecuteTool(self, request: pb.ExecuteToolRequest, _context: Any) -> AsyncIterator[pb.ExecuteToolResponse]:
        grant = codec.decode_grant(current_caller())
        async for part in self._execute_tool(grant, codec.decode_wish(request)):
            yield codec.encode_part(part)

    async def GetExecution(self, request: pb.GetExecutionRequest, _context: Any) -> pb.GetExecutionResponse:
        return codec.encode_execution(await self._executor.get(codec.decode_key(request.key)))

    async def CancelExecution(self, request: pb.CancelExecutionRequest, _context: Any) -> pb.CancelExecutionResponse:
        result = await self._executor.cancel(codec.decode_key(request.key), request.epoch)
        return pb.CancelExecutionResponse(result=codec.encode_result(result))

    async def ForgetThreads(self, request: pb.ForgetThreadsRequest, _context: Any) -> pb.ForgetThreadsResponse:
        await self._task_lists.forget(request.thread_ids)
        return pb.ForgetThreadsResponse()
