"""mesh.tools.v1 to the domain and back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import orjson
from mesh.tools.v1 import tools_pb2 as pb

from services.kit.context import Caller
from services.kit.errors import InvalidArgument
from services.tools.domain.executions import Row, StoredResult
from services.tools.domain.tools import FunctionInfo, Outcome, ToolClass, ToolInfo
from services.tools.use_cases.execute_tool import Grant, Wish

_CLASSES = {
    ToolClass.PURE: pb.TOOL_CLASS_PURE,
    ToolClass.IDEMPOTENT: pb.TOOL_CLASS_IDEMPOTENT,
    ToolClass.QUERYABLE: pb.TOOL_CLASS_QUERYABLE,
    ToolClass.AT_MOST_ONCE: pb.TOOL_CLASS_AT_MOST_ONCE,
}


def decode_key(key: str) -> str:
    """A key that storage can hold."""
    if "\0" in key:
        raise InvalidArgument.of("key", "must not contain NUL")
    return key


def decode_grant(caller: Caller) -> Grant:
    return Grant(caller.account_id, caller.run_id, caller.scopes)


def decode_wish(request: pb.ExecuteToolRequest) -> Wish:
    return Wish(
        key=decode_key(request.key),
        epoch=request.epoch,
        function_name=request.function_name,
        arguments_json=request.arguments_json,
        account_id=request.account_id,
        project_id=request.project_id,
        thread_id=request.thread_id,
        run_id=request.run_id,
        timeout_s=request.timeout.ToNanoseconds() / 1e9 if request.HasField("timeout") else None,
    )


def encode_part(part: str | StoredResult) -> pb.ExecuteToolResponse:
    if isinstance(part, str):
        return pb.ExecuteToolResponse(output=pb.ToolOutput(text=part))
    return pb.ExecuteToolResponse(result=encode_result(part))


def encode_result(result: StoredResult) -> pb.ToolResult:
    encoded = pb.ToolResult(
        success=result.outcome is Outcome.SUCCEEDED,
        output_json=result.output_json,
        error=result.error,
        outcome=result.outcome.value,
    )
    encoded.started_at.FromDatetime(result.started_at)
    encoded.ended_at.FromDatetime(result.ended_at)
    return encoded


def encode_execution(row: Row) -> pb.GetExecutionResponse:
    if row.result is None:
        return pb.GetExecutionResponse(state="running")
    return pb.GetExecutionResponse(state="done", result=encode_result(row.result))


def encode_tools(tools: Iterable[tuple[ToolInfo, Sequence[FunctionInfo]]]) -> list[pb.Tool]:
    return [_tool(info, functions) for info, functions in tools]


def _tool(info: ToolInfo, functions: Sequence[FunctionInfo]) -> pb.Tool:
    return pb.Tool(
        name=info.name,
        display_name=info.display_name,
        description=info.description,
        weight=info.weight,
        is_core=info.is_core,
        needs_sandbox=info.needs_sandbox,
        functions=[_function(function) for function in functions],
    )


def _function(info: FunctionInfo) -> pb.ToolFunction:
    return pb.ToolFunction(
        name=info.name,
        description=info.description,
        parameters_json=orjson.dumps(info.parameters).decode(),
        tool_class=_CLASSES[info.tool_class],
        terminating=info.terminating,
    )
