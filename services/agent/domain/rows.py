"""The rows that a run writes into its thread, as the web client reads them back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

from services.agent.domain.journal import CallRecord, CompletedStep, StepRecord


@dataclass(frozen=True, slots=True)
class MessageRow:
    """A row of a thread: content and metadata are JSON values."""

    message_id: UUID
    type: str
    is_llm_message: bool
    content: Mapping[str, Any]
    metadata: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Charge:
    """What a model call used; `wasted` when its answer was lost."""

    key: str
    step_no: int
    price_version: str
    model: str
    prompt_tokens: int
    completion_tokens: int
    message_id: UUID
    cached_read_tokens: int = 0
    cache_write_tokens: int = 0
    estimated: bool = False
    wasted: bool = False


def parse(text: str) -> Any:
    """A JSON value, or the text itself where it is none that can be written again: NaN, halves of characters."""
    try:
        value = json.loads(text)
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        return text
    return value


def user_row(message_id: UUID, text: str) -> MessageRow:
    """What a person said."""
    return MessageRow(message_id, "user", True, {"role": "user", "content": text}, {})


def assistant_row(run_id: UUID, step: StepRecord, calls: Iterable[CallRecord]) -> MessageRow:
    """What the model said."""
    calls = tuple(calls)
    metadata: dict[str, Any] = {"thread_run_id": str(run_id), "text_content": step.text or ""}
    if step.reasoning:
        metadata["reasoning_content"] = step.reasoning
    if calls:
        metadata["tool_calls"] = [
            {
                "tool_call_id": call.tool_call_id,
                "function_name": call.function_name,
                "arguments": parse(call.arguments_json),
                "source": "native",
            }
            for call in calls
        ]
    return MessageRow(step.message_id, "assistant", True, assistant_message(step, calls), metadata)


def assistant_message(step: StepRecord, calls: Iterable[CallRecord]) -> dict[str, Any]:
    """The model's answer as the model is shown it again."""
    message: dict[str, Any] = {"role": "assistant", "content": step.text or None}
    tool_calls = [
        {
            "id": call.tool_call_id,
            "type": "function",
            "function": {"name": call.function_name, "arguments": call.arguments_json},
        }
        for call in calls
    ]
    if tool_calls:
        message["tool_calls"] = tool_calls
    elif message["content"] is None:
        message["content"] = ""
    return message


def tool_message(call: CallRecord) -> dict[str, Any]:
    """A tool's result as the model is shown it."""
    return {"role": "tool", "tool_call_id": call.tool_call_id, "name": call.function_name, "content": call.content}


def tool_row(call: CallRecord, assistant_message_id: UUID) -> MessageRow:
    """What a tool answered."""
    return MessageRow(
        call.message_id,
        "tool",
        True,
        tool_message(call),
        {
            "tool_call_id": call.tool_call_id,
            "function_name": call.function_name,
            "result": {"success": bool(call.success), "output": parse(call.output_json), "error": call.error},
            "return_format": "native",
            "assistant_message_id": str(assistant_message_id),
        },
    )


def status_row(message_id: UUID, run_id: UUID, status_type: str, **values: Any) -> MessageRow:
    """A status of the run; `metadata` among the values goes there."""
    metadata = {"thread_run_id": str(run_id), **values.pop("metadata", {})}
    return MessageRow(message_id, "status", False, {"status_type": status_type, **values}, metadata)


def response_row(
    message_id: UUID, run_id: UUID, edge: str, llm_response_id: UUID, content: Mapping[str, Any]
) -> MessageRow:
    """The start or the end of a model's answer: `edge` is llm_response_start or llm_response_end."""
    return MessageRow(
        message_id,
        edge,
        False,
        {"llm_response_id": str(llm_response_id), **content},
        {"thread_run_id": str(run_id), "llm_response_id": str(llm_response_id)},
    )


def conversation(done: CompletedStep) -> list[dict[str, Any]]:
    """A step as the model is shown it: the answer, then each result."""
    return [assistant_message(done.step, done.calls), *(tool_message(call) for call in done.calls)]


def run_start_id(run_id: UUID) -> UUID:
    """The id of the row that says that the run began: told before it is stored, so it is derived."""
    return uuid5(run_id, "thread_run_start")


def opening_rows(run_id: UUID, message_id: UUID, prompt: str) -> list[MessageRow]:
    """What a run writes when it is admitted."""
    return [user_row(message_id, prompt), status_row(run_start_id(run_id), run_id, "thread_run_start")]
