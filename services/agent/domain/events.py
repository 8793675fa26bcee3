"""The events of a run, before they have an id. The wire forms are in mesh.agent.v1.events."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Ack:
    message: str


@dataclass(frozen=True, slots=True)
class PrepStage:
    stage: str
    detail: str
    progress: int


@dataclass(frozen=True, slots=True)
class RunStarted:
    message_id: str


@dataclass(frozen=True, slots=True)
class Thinking:
    step: int
    message: str


@dataclass(frozen=True, slots=True)
class ContextUsage:
    current_tokens: int
    message_count: int
    compressed: bool = False


@dataclass(frozen=True, slots=True)
class ModelCallStarted:
    message_id: str
    llm_response_id: str
    auto_continue_count: int
    model: str
    assistant_message_id: str


@dataclass(frozen=True, slots=True)
class TextChunk:
    message_id: str
    text: str


@dataclass(frozen=True, slots=True)
class ReasoningChunk:
    message_id: str
    text: str


@dataclass(frozen=True, slots=True)
class ToolCallChunk:
    message_id: str
    tool_call_id: str
    function_name: str
    arguments_delta: str
    index: int


@dataclass(frozen=True, slots=True)
class FinishedCall:
    """A tool call whose arguments are complete; arguments as a JSON object."""

    tool_call_id: str
    function_name: str
    arguments_json: str


@dataclass(frozen=True, slots=True)
class AssistantComplete:
    message_id: str
    text: str | None
    finish_reason: str
    reasoning: str = ""
    tool_calls: tuple[FinishedCall, ...] = ()


@dataclass(frozen=True, slots=True)
class ToolStarted:
    message_id: str
    tool_call_id: str
    function_name: str
    tool_index: int


@dataclass(frozen=True, slots=True)
class ToolOutputChunk:
    tool_call_id: str
    function_name: str
    output: str
    is_final: bool = False


@dataclass(frozen=True, slots=True)
class ToolCompleted:
    message_id: str
    assistant_message_id: str
    tool_call_id: str
    function_name: str
    tool_index: int
    success: bool
    output_json: str
    error: str | None
    content: str
    terminating: bool


@dataclass(frozen=True, slots=True)
class ToolFinished:
    message_id: str
    tool_call_id: str
    function_name: str
    tool_index: int
    success: bool
    linked_tool_result_message_id: str
    terminating: bool


@dataclass(frozen=True, slots=True)
class ModelCallEnded:
    message_id: str
    llm_response_id: str
    model: str
    prompt_tokens: int
    completion_tokens: int
    cached_read_tokens: int
    cache_write_tokens: int
    estimated: bool


@dataclass(frozen=True, slots=True)
class StepFinished:
    message_id: str
    finish_reason: str
    tools_executed: bool
    step: int


@dataclass(frozen=True, slots=True)
class MessageReset:
    message_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class ErrorAction:
    type: str
    label: str
    url: str | None = None
    delay_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class RunError:
    message: str
    error_code: str
    recoverable: bool
    actions: tuple[ErrorAction, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class RunEnded:
    status: str
    message: str
    reason: str
    error_code: str | None = None


RunEvent: TypeAlias = (
    Ack
    | PrepStage
    | RunStarted
    | Thinking
    | ContextUsage
    | ModelCallStarted
    | TextChunk
    | ReasoningChunk
    | ToolCallChunk
    | AssistantComplete
    | ToolStarted
    | ToolOutputChunk
    | ToolCompleted
    | ToolFinished
    | ModelCallEnded
    | StepFinished
    | MessageReset
    | RunError
    | RunEnded
)
