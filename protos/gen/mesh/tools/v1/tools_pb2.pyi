import datetime

from buf.validate import validate_pb2 as _validate_pb2
from google.api import annotations_pb2 as _annotations_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ToolClass(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TOOL_CLASS_UNSPECIFIED: _ClassVar[ToolClass]
    TOOL_CLASS_PURE: _ClassVar[ToolClass]
    TOOL_CLASS_IDEMPOTENT: _ClassVar[ToolClass]
    TOOL_CLASS_QUERYABLE: _ClassVar[ToolClass]
    TOOL_CLASS_AT_MOST_ONCE: _ClassVar[ToolClass]
TOOL_CLASS_UNSPECIFIED: ToolClass
TOOL_CLASS_PURE: ToolClass
TOOL_CLASS_IDEMPOTENT: ToolClass
TOOL_CLASS_QUERYABLE: ToolClass
TOOL_CLASS_AT_MOST_ONCE: ToolClass

class ListCatalogueRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListCatalogueResponse(_message.Message):
    __slots__ = ("success", "tools")
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    TOOLS_FIELD_NUMBER: _ClassVar[int]
    success: bool
    tools: _containers.RepeatedCompositeFieldContainer[Tool]
    def __init__(self, success: _Optional[bool] = ..., tools: _Optional[_Iterable[_Union[Tool, _Mapping]]] = ...) -> None: ...

class ListToolsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListToolsResponse(_message.Message):
    __slots__ = ("tools",)
    TOOLS_FIELD_NUMBER: _ClassVar[int]
    tools: _containers.RepeatedCompositeFieldContainer[Tool]
    def __init__(self, tools: _Optional[_Iterable[_Union[Tool, _Mapping]]] = ...) -> None: ...

class Tool(_message.Message):
    __slots__ = ("name", "display_name", "description", "weight", "is_core", "needs_sandbox", "functions")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    IS_CORE_FIELD_NUMBER: _ClassVar[int]
    NEEDS_SANDBOX_FIELD_NUMBER: _ClassVar[int]
    FUNCTIONS_FIELD_NUMBER: _ClassVar[int]
    name: str
    display_name: str
    description: str
    weight: int
    is_core: bool
    needs_sandbox: bool
    functions: _containers.RepeatedCompositeFieldContainer[ToolFunction]
    def __init__(self, name: _Optional[str] = ..., display_name: _Optional[str] = ..., description: _Optional[str] = ..., weight: _Optional[int] = ..., is_core: _Optional[bool] = ..., needs_sandbox: _Optional[bool] = ..., functions: _Optional[_Iterable[_Union[ToolFunction, _Mapping]]] = ...) -> None: ...

class ToolFunction(_message.Message):
    __slots__ = ("name", "description", "parameters_json", "tool_class", "terminating")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_JSON_FIELD_NUMBER: _ClassVar[int]
    TOOL_CLASS_FIELD_NUMBER: _ClassVar[int]
    TERMINATING_FIELD_NUMBER: _ClassVar[int]
    name: str
    description: str
    parameters_json: str
    tool_class: ToolClass
    terminating: bool
    def __init__(self, name: _Optional[str] = ..., description: _Optional[str] = ..., parameters_json: _Optional[str] = ..., tool_class: _Optional[_Union[ToolClass, str]] = ..., terminating: _Optional[bool] = ...) -> None: ...

class ExecuteToolRequest(_message.Message):
    __slots__ = ("key", "epoch", "function_name", "arguments_json", "account_id", "project_id", "thread_id", "run_id", "timeout")
    KEY_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    FUNCTION_NAME_FIELD_NUMBER: _ClassVar[int]
    ARGUMENTS_JSON_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    THREAD_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    key: str
    epoch: int
    function_name: str
    arguments_json: str
    account_id: str
    project_id: str
    thread_id: str
    run_id: str
    timeout: _duration_pb2.Duration
    def __init__(self, key: _Optional[str] = ..., epoch: _Optional[int] = ..., function_name: _Optional[str] = ..., arguments_json: _Optional[str] = ..., account_id: _Optional[str] = ..., project_id: _Optional[str] = ..., thread_id: _Optional[str] = ..., run_id: _Optional[str] = ..., timeout: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class ExecuteToolResponse(_message.Message):
    __slots__ = ("output", "result")
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    output: ToolOutput
    result: ToolResult
    def __init__(self, output: _Optional[_Union[ToolOutput, _Mapping]] = ..., result: _Optional[_Union[ToolResult, _Mapping]] = ...) -> None: ...

class ToolOutput(_message.Message):
    __slots__ = ("text",)
    TEXT_FIELD_NUMBER: _ClassVar[int]
    text: str
    def __init__(self, text: _Optional[str] = ...) -> None: ...

class ToolResult(_message.Message):
    __slots__ = ("success", "output_json", "error", "outcome", "started_at", "ended_at")
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_JSON_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    ENDED_AT_FIELD_NUMBER: _ClassVar[int]
    success: bool
    output_json: str
    error: str
    outcome: str
    started_at: _timestamp_pb2.Timestamp
    ended_at: _timestamp_pb2.Timestamp
    def __init__(self, success: _Optional[bool] = ..., output_json: _Optional[str] = ..., error: _Optional[str] = ..., outcome: _Optional[str] = ..., started_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., ended_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class GetExecutionRequest(_message.Message):
    __slots__ = ("key",)
    KEY_FIELD_NUMBER: _ClassVar[int]
    key: str
    def __init__(self, key: _Optional[str] = ...) -> None: ...

class GetExecutionResponse(_message.Message):
    __slots__ = ("state", "result")
    STATE_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    state: str
    result: ToolResult
    def __init__(self, state: _Optional[str] = ..., result: _Optional[_Union[ToolResult, _Mapping]] = ...) -> None: ...

class CancelExecutionRequest(_message.Message):
    __slots__ = ("key", "epoch")
    KEY_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    key: str
    epoch: int
    def __init__(self, key: _Optional[str] = ..., epoch: _Optional[int] = ...) -> None: ...

class CancelExecutionResponse(_message.Message):
    __slots__ = ("result",)
    RESULT_FIELD_NUMBER: _ClassVar[int]
    result: ToolResult
    def __init__(self, result: _Optional[_Union[ToolResult, _Mapping]] = ...) -> None: ...

class ForgetThreadsRequest(_message.Message):
    __slots__ = ("thread_ids",)
    THREAD_IDS_FIELD_NUMBER: _ClassVar[int]
    thread_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, thread_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class ForgetThreadsResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
