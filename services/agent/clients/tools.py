"""tools, as the agent needs it."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Sequence
from typing import Final, Literal
from uuid import UUID

import grpc
from mesh.tools.v1 import tools_pb2, tools_pb2_grpc

from services.agent.ports import ToolCallRequest, ToolFunction, ToolOutcome
from services.kit.clock import Clock

IDEMPOTENT: Final = tuple(
    f"/mesh.tools.v1.ToolsInternal/{method}"
    for method in ("ListTools", "ExecuteTool", "CancelExecution", "ForgetThreads")
)
CATALOGUE_TTL_S: Final = 60.0

ToolClass = Literal["pure", "idempotent", "queryable", "at_most_once"]
_CLASSES: Final[dict[int, ToolClass]] = {
    tools_pb2.TOOL_CLASS_PURE: "pure",
    tools_pb2.TOOL_CLASS_IDEMPOTENT: "idempotent",
    tools_pb2.TOOL_CLASS_QUERYABLE: "queryable",
}


class ToolsClient:
    """Tools over gRPC."""

    def __init__(self, channel: grpc.aio.Channel, clock: Clock) -> None:
        self._stub = tools_pb2_grpc.ToolsInternalStub(channel)
        self._clock = clock
        self._catalogue: dict[str, ToolFunction] = {}
        self._read_at = float("-inf")

    async def catalogue(self) -> dict[str, ToolFunction]:
        if self._clock.monotonic() - self._read_at > CATALOGUE_TTL_S:
            reply = await self._stub.ListTools(tools_pb2.ListToolsRequest(), timeout=5)
            self._catalogue = {
                function.name: decode_function(tool.name, function)
                for tool in reply.tools
                for function in tool.functions
            }
            self._read_at = self._clock.monotonic()
        return self._catalogue

    async def execute(self, request: ToolCallRequest) -> AsyncGenerator[str | ToolOutcome, None]:
        call = self._stub.ExecuteTool(
            tools_pb2.ExecuteToolRequest(
                key=request.key,
                epoch=request.epoch,
                function_name=request.function_name,
                arguments_json=request.arguments_json,
                account_id=str(request.account_id),
                project_id=str(request.project_id),
                thread_id=str(request.thread_id),
                run_id=str(request.run_id),
            )
        )
        try:
            async for part in call:
                if part.WhichOneof("part") == "output":
                    yield part.output.text
                else:
                    yield decode_outcome(part.result)
        finally:
            call.cancel()

    async def cancel(self, key: str, epoch: int) -> None:
        await self._stub.CancelExecution(tools_pb2.CancelExecutionRequest(key=key, epoch=epoch), timeout=10)

    async def forget(self, thread_ids: Sequence[UUID]) -> None:
        request = tools_pb2.ForgetThreadsRequest(thread_ids=[str(thread_id) for thread_id in thread_ids])
        await self._stub.ForgetThreads(request, timeout=5)


def decode_function(tool: str, function: tools_pb2.ToolFunction) -> ToolFunction:
    """A function with its schema in OpenAI's shape."""
    return ToolFunction(
        name=function.name,
        tool=tool,
        tool_class=_CLASSES.get(function.tool_class, "at_most_once"),
        terminating=function.terminating,
        schema={
            "type": "function",
            "function": {
                "name": function.name,
                "description": function.description,
                "parameters": json.loads(function.parameters_json or "{}"),
            },
        },
    )


def decode_outcome(result: tools_pb2.ToolResult) -> ToolOutcome:
    """What became of a call."""
    return ToolOutcome(
        success=result.success,
        output_json=result.output_json or "null",
        error=result.error if result.HasField("error") else None,
        outcome=result.outcome,
    )
