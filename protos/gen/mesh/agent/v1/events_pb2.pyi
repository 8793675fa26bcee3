from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RunEvent(_message.Message):
    __slots__ = ("epoch", "n", "at_ms", "durable", "ack", "prep_stage", "run_started", "thinking", "context_usage", "model_call_started", "text_chunk", "reasoning_chunk", "tool_call_chunk", "assistant_complete", "tool_started", "tool_output", "tool_completed", "model_call_ended", "step_finished", "message_reset", "run_error", "run_ended", "tool_finished")
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    N_FIELD_NUMBER: _ClassVar[int]
    AT_MS_FIELD_NUMBER: _ClassVar[int]
    DURABLE_FIELD_NUMBER: _ClassVar[int]
    ACK_FIELD_NUMBER: _ClassVar[int]
    PREP_STAGE_FIELD_NUMBER: _ClassVar[int]
    RUN_STARTED_FIELD_NUMBER: _ClassVar[int]
    THINKING_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_USAGE_FIELD_NUMBER: _ClassVar[int]
    MODEL_CALL_STARTED_FIELD_NUMBER: _ClassVar[int]
    TEXT_CHUNK_FIELD_NUMBER: _ClassVar[int]
    REASONING_CHUNK_FIELD_NUMBER: _ClassVar[int]
    TOOL_CALL_CHUNK_FIELD_NUMBER: _ClassVar[int]
    ASSISTANT_COMPLETE_FIELD_NUMBER: _ClassVar[int]
    TOOL_STARTED_FIELD_NUMBER: _ClassVar[int]
    TOOL_OUTPUT_FIELD_NUMBER: _ClassVar[int]
    TOOL_COMPLETED_FIELD_NUMBER: _ClassVar[int]
    MODEL_CALL_ENDED_FIELD_NUMBER: _ClassVar[int]
    STEP_FINISHED_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_RESET_FIELD_NUMBER: _ClassVar[int]
    RUN_ERROR_FIELD_NUMBER: _ClassVar[int]
    RUN_ENDED_FIELD_NUMBER: _ClassVar[int]
    TOOL_FINISHED_FIELD_NUMBER: _ClassVar[int]
    epoch: int
    n: int
    at_ms: int
    durable: bool
    ack: Ack
    prep_stage: PrepStage
    run_started: RunStarted
    thinking: Thinking
    context_usage: ContextUsage
    model_call_started: ModelCallStarted
    text_chunk: TextChunk
    reasoning_chunk: ReasoningChunk
    tool_call_chunk: ToolCallChunk
    assistant_complete: AssistantComplete
    tool_started: ToolStarted
    tool_output: ToolOutputChunk
    tool_completed: ToolCompleted
    model_call_ended: ModelCallEnded
    step_finished: StepFinished
    message_reset: MessageReset
    run_error: RunError
    run_ended: RunEnded
    tool_finished: ToolFinished
    def __init__(self, epoch: _Optional[int] = ..., n: _Optional[int] = ..., at_ms: _Optional[int] = ..., durable: _Optional[bool] = ..., ack: _Optional[_Union[Ack, _Mapping]] = ..., prep_stage: _Optional[_Union[PrepStage, _Mapping]] = ..., run_started: _Optional[_Union[RunStarted, _Mapping]] = ..., thinking: _Optional[_Union[Thinking, _Mapping]] = ..., context_usage: _Optional[_Union[ContextUsage, _Mapping]] = ..., model_call_started: _Optional[_Union[ModelCallStarted, _Mapping]] = ..., text_chunk: _Optional[_Union[TextChunk, _Mapping]] = ..., reasoning_chunk: _Optional[_Union[ReasoningChunk, _Mapping]] = ..., tool_call_chunk: _Optional[_Union[ToolCallChunk, _Mapping]] = ..., assistant_complete: _Optional[_Union[AssistantComplete, _Mapping]] = ..., tool_started: _Optional[_Union[ToolStarted, _Mapping]] = ..., tool_output: _Optional[_Union[ToolOutputChunk, _Mapping]] = ..., tool_completed: _Optional[_Union[ToolCompleted, _Mapping]] = ..., model_call_ended: _Optional[_Union[ModelCallEnded, _Mapping]] = ..., step_finished: _Optional[_Union[StepFinished, _Mapping]] = ..., message_reset: _Optional[_Union[MessageReset, _Mapping]] = ..., run_error: _Optional[_Union[RunError, _Mapping]] = ..., run_ended: _Optional[_Union[RunEnded, _Mapping]] = ..., tool_finished: _Optional[_Union[ToolFinished, _Mapping]] = ...) -> None: ...

class Ack(_message.Message):
    __slots__ = ("message",)
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    message: str
    def __init__(self, message: _Optional[str] = ...) -> None: ...

class PrepStage(_message.Message):
    __slots__ = ("stage", "detail", "progress")
    STAGE_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    stage: str
    detail: str
    progress: int
    def __init__(self, stage: _Optional[str] = ..., detail: _Optional[str] = ..., progress: _Optional[int] = ...) -> None: ...

class RunStarted(_message.Message):
    __slots__ = ("message_id",)
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    message_id: str
    def __init__(self, message_id: _Optional[str] = ...) -> None: ...

class Thinking(_message.Message):
    __slots__ = ("step", "message")
    STEP_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    step: int
    message: str
    def __init__(self, step: _Optional[int] = ..., message: _Optional[str] = ...) -> None: ...

class ContextUsage(_message.Message):
    __slots__ = ("current_tokens", "message_count", "compressed")
    CURRENT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_COUNT_FIELD_NUMBER: _ClassVar[int]
    COMPRESSED_FIELD_NUMBER: _ClassVar[int]
    current_tokens: int
    message_count: int
    compressed: bool
    def __init__(self, current_tokens: _Optional[int] = ..., message_count: _Optional[int] = ..., compressed: _Optional[bool] = ...) -> None: ...

class ModelCallStarted(_message.Message):
    __slots__ = ("message_id", "llm_response_id", "auto_continue_count", "model", "assistant_message_id")
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    LLM_RESPONSE_ID_FIELD_NUMBER: _ClassVar[int]
    AUTO_CONTINUE_COUNT_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    ASSISTANT_MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    message_id: str
    llm_response_id: str
    auto_continue_count: int
    model: str
    assistant_message_id: str
    def __init__(self, message_id: _Optional[str] = ..., llm_response_id: _Optional[str] = ..., auto_continue_count: _Optional[int] = ..., model: _Optional[str] = ..., assistant_message_id: _Optional[str] = ...) -> None: ...

class TextChunk(_message.Message):
    __slots__ = ("message_id", "text")
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    message_id: str
    text: str
    def __init__(self, message_id: _Optional[str] = ..., text: _Optional[str] = ...) -> None: ...

class ReasoningChunk(_message.Message):
    __slots__ = ("message_id", "text")
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    message_id: str
    text: str
    def __init__(self, message_id: _Optional[str] = ..., text: _Optional[str] = ...) -> None: ...

class ToolCallChunk(_message.Message):
    __slots__ = ("message_id", "tool_call_id", "function_name", "arguments_delta", "index")
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    TOOL_CALL_ID_FIELD_NUMBER: _ClassVar[int]
    FUNCTION_NAME_FIELD_NUMBER: _ClassVar[int]
    ARGUMENTS_DELTA_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    message_id: str
    tool_call_id: str
    function_name: str
    arguments_delta: str
    index: int
    def __init__(self, message_id: _Optional[str] = ..., tool_call_id: _Optional[str] = ..., function_name: _Optional[str] = ..., arguments_delta: _Optional[str] = ..., index: _Optional[int] = ...) -> None: ...

class ToolCall(_message.Message):
    __slots__ = ("tool_call_id", "function_name", "arguments_json")
    TOOL_CALL_ID_FIELD_NUMBER: _ClassVar[int]
    FUNCTION_NAME_FIELD_NUMBER: _ClassVar[int]
    ARGUMENTS_JSON_FIELD_NUMBER: _ClassVar[int]
    tool_call_id: str
    function_name: str
    arguments_json: str
    def __init__(self, tool_call_id: _Optional[str] = ..., function_name: _Optional[str] = ..., arguments_json: _Optional[str] = ...) -> None: ...

class AssistantComplete(_message.Message):
    __slots__ = ("message_id", "text", "tool_calls", "reasoning", "finish_reason")
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    TOOL_CALLS_FIELD_NUMBER: _ClassVar[int]
    REASONING_FIELD_NUMBER: _ClassVar[int]
    FINISH_REASON_FIELD_NUMBER: _ClassVar[int]
    message_id: str
    text: str
    tool_calls: _containers.RepeatedCompositeFieldContainer[ToolCall]
    reasoning: str
    finish_reason: str
    def __init__(self, message_id: _Optional[str] = ..., text: _Optional[str] = ..., tool_calls: _Optional[_Iterable[_Union[ToolCall, _Mapping]]] = ..., reasoning: _Optional[str] = ..., finish_reason: _Optional[str] = ...) -> None: ...

class ToolStarted(_message.Message):
    __slots__ = ("message_id", "tool_call_id", "function_name", "tool_index")
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    TOOL_CALL_ID_FIELD_NUMBER: _ClassVar[int]
    FUNCTION_NAME_FIELD_NUMBER: _ClassVar[int]
    TOOL_INDEX_FIELD_NUMBER: _ClassVar[int]
    message_id: str
    tool_call_id: str
    function_name: str
    tool_index: int
    def __init__(self, message_id: _Optional[str] = ..., tool_call_id: _Optional[str] = ..., function_name: _Optional[str] = ..., tool_index: _Optional[int] = ...) -> None: ...

class ToolOutputChunk(_message.Message):
    __slots__ = ("tool_call_id", "function_name", "output", "is_final")
    TOOL_CALL_ID_FIELD_NUMBER: _ClassVar[int]
    FUNCTION_NAME_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    IS_FINAL_FIELD_NUMBER: _ClassVar[int]
    tool_call_id: str
    function_name: str
    output: str
    is_final: bool
    def __init__(self, tool_call_id: _Optional[str] = ..., function_name: _Optional[str] = ..., output: _Optional[str] = ..., is_final: _Optional[bool] = ...) -> None: ...

class ToolCompleted(_message.Message):
    __slots__ = ("message_id", "assistant_message_id", "tool_call_id", "function_name", "tool_index", "success", "output_json", "error", "content", "terminating")
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    ASSISTANT_MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    TOOL_CALL_ID_FIELD_NUMBER: _ClassVar[int]
    FUNCTION_NAME_FIELD_NUMBER: _ClassVar[int]
    TOOL_INDEX_FIELD_NUMBER: _ClassVar[int]
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_JSON_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    TERMINATING_FIELD_NUMBER: _ClassVar[int]
    message_id: str
    assistant_message_id: str
    tool_call_id: str
    function_name: str
    tool_index: int
    success: bool
    output_json: str
    error: str
    content: str
    terminating: bool
    def __init__(self, message_id: _Optional[str] = ..., assistant_message_id: _Optional[str] = ..., tool_call_id: _Optional[str] = ..., function_name: _Optional[str] = ..., tool_index: _Optional[int] = ..., success: _Optional[bool] = ..., output_json: _Optional[str] = ..., error: _Optional[str] = ..., content: _Optional[str] = ..., terminating: _Optional[bool] = ...) -> None: ...

class ToolFinished(_message.Message):
    __slots__ = ("message_id", "tool_call_id", "function_name", "tool_index", "success", "linked_tool_result_message_id", "terminating")
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    TOOL_CALL_ID_FIELD_NUMBER: _ClassVar[int]
    FUNCTION_NAME_FIELD_NUMBER: _ClassVar[int]
    TOOL_INDEX_FIELD_NUMBER: _ClassVar[int]
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    LINKED_TOOL_RESULT_MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    TERMINATING_FIELD_NUMBER: _ClassVar[int]
    message_id: str
    tool_call_id: str
    function_name: str
    tool_index: int
    success: bool
    linked_tool_result_message_id: str
    terminating: bool
    def __init__(self, message_id: _Optional[str] = ..., tool_call_id: _Optional[str] = ..., function_name: _Optional[str] = ..., tool_index: _Optional[int] = ..., success: _Optional[bool] = ..., linked_tool_result_message_id: _Optional[str] = ..., terminating: _Optional[bool] = ...) -> None: ...

class ModelCallEnded(_message.Message):
    __slots__ = ("message_id", "llm_response_id", "model", "prompt_tokens", "completion_tokens", "cached_read_tokens", "cache_write_tokens", "estimated")
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    LLM_RESPONSE_ID_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    PROMPT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    COMPLETION_TOKENS_FIELD_NUMBER: _ClassVar[int]
    CACHED_READ_TOKENS_FIELD_NUMBER: _ClassVar[int]
    CACHE_WRITE_TOKENS_FIELD_NUMBER: _ClassVar[int]
    ESTIMATED_FIELD_NUMBER: _ClassVar[int]
    message_id: str
    llm_response_id: str
    model: str
    prompt_tokens: int
    completion_tokens: int
    cached_read_tokens: int
    cache_write_tokens: int
    estimated: bool
    def __init__(self, message_id: _Optional[str] = ..., llm_response_id: _Optional[str] = ..., model: _Optional[str] = ..., prompt_tokens: _Optional[int] = ..., completion_tokens: _Optional[int] = ..., cached_read_tokens: _Optional[int] = ..., cache_write_tokens: _Optional[int] = ..., estimated: _Optional[bool] = ...) -> None: ...

class StepFinished(_message.Message):
    __slots__ = ("message_id", "finish_reason", "tools_executed", "step")
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    FINISH_REASON_FIELD_NUMBER: _ClassVar[int]
    TOOLS_EXECUTED_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    message_id: str
    finish_reason: str
    tools_executed: bool
    step: int
    def __init__(self, message_id: _Optional[str] = ..., finish_reason: _Optional[str] = ..., tools_executed: _Optional[bool] = ..., step: _Optional[int] = ...) -> None: ...

class MessageReset(_message.Message):
    __slots__ = ("message_id", "reason")
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    message_id: str
    reason: str
    def __init__(self, message_id: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class RunError(_message.Message):
    __slots__ = ("message", "error_code", "recoverable", "actions")
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    ERROR_CODE_FIELD_NUMBER: _ClassVar[int]
    RECOVERABLE_FIELD_NUMBER: _ClassVar[int]
    ACTIONS_FIELD_NUMBER: _ClassVar[int]
    message: str
    error_code: str
    recoverable: bool
    actions: _containers.RepeatedCompositeFieldContainer[ErrorAction]
    def __init__(self, message: _Optional[str] = ..., error_code: _Optional[str] = ..., recoverable: _Optional[bool] = ..., actions: _Optional[_Iterable[_Union[ErrorAction, _Mapping]]] = ...) -> None: ...

class ErrorAction(_message.Message):
    __slots__ = ("type", "label", "url", "delay_seconds")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    DELAY_SECONDS_FIELD_NUMBER: _ClassVar[int]
    type: str
    label: str
    url: str
    delay_seconds: int
    def __init__(self, type: _Optional[str] = ..., label: _Optional[str] = ..., url: _Optional[str] = ..., delay_seconds: _Optional[int] = ...) -> None: ...

class RunEnded(_message.Message):
    __slots__ = ("status", "message", "error_code", "reason")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    ERROR_CODE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    status: str
    message: str
    error_code: str
    reason: str
    def __init__(self, status: _Optional[str] = ..., message: _Optional[str] = ..., error_code: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...
