"""Events to mesh.agent.v1.RunEvent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mesh.agent.v1 import events_pb2

from services.agent.domain import events

# Domain class -> the oneof's field and its message. Fields are named alike on both sides.
FIELDS: dict[type[Any], str] = {
    events.Ack: "ack",
    events.PrepStage: "prep_stage",
    events.RunStarted: "run_started",
    events.Thinking: "thinking",
    events.ContextUsage: "context_usage",
    events.ModelCallStarted: "model_call_started",
    events.TextChunk: "text_chunk",
    events.ReasoningChunk: "reasoning_chunk",
    events.ToolCallChunk: "tool_call_chunk",
    events.AssistantComplete: "assistant_complete",
    events.ToolStarted: "tool_started",
    events.ToolOutputChunk: "tool_output",
    events.ToolCompleted: "tool_completed",
    events.ToolFinished: "tool_finished",
    events.ModelCallEnded: "model_call_ended",
    events.StepFinished: "step_finished",
    events.MessageReset: "message_reset",
    events.RunError: "run_error",
    events.RunEnded: "run_ended",
}


def _plain(field: str) -> Callable[[Any], dict[str, Any]]:
    message = type(getattr(events_pb2.RunEvent(), field))

    def encode(event: Any) -> dict[str, Any]:
        values = {name: getattr(event, name) for name in event.__slots__}
        return {field: message(**values)}

    return encode


def _text(event: Any) -> dict[str, Any]:
    return {"text_chunk": events_pb2.TextChunk(message_id=event.message_id, text=event.text)}


def _assistant(event: events.AssistantComplete) -> dict[str, Any]:
    return {
        "assistant_complete": events_pb2.AssistantComplete(
            message_id=event.message_id,
            text=event.text,
            reasoning=event.reasoning,
            finish_reason=event.finish_reason,
            tool_calls=[
                events_pb2.ToolCall(
                    tool_call_id=call.tool_call_id,
                    function_name=call.function_name,
                    arguments_json=call.arguments_json,
                )
                for call in event.tool_calls
            ],
        )
    }


def _error(event: events.RunError) -> dict[str, Any]:
    return {
        "run_error": events_pb2.RunError(
            message=event.message,
            error_code=event.error_code,
            recoverable=event.recoverable,
            actions=[
                events_pb2.ErrorAction(
                    type=action.type, label=action.label, url=action.url, delay_seconds=action.delay_seconds
                )
                for action in event.actions
            ],
        )
    }


_ENCODERS: dict[type[Any], Callable[[Any], dict[str, Any]]] = {
    **{kind: _plain(field) for kind, field in FIELDS.items()},
    events.TextChunk: _text,
    events.AssistantComplete: _assistant,
    events.RunError: _error,
}


def encode_event(event: events.RunEvent, epoch: int, n: int, at_ms: int, *, durable: bool) -> events_pb2.RunEvent:
    """An event with its id `<epoch>-<n>` and its time in Unix milliseconds."""
    return events_pb2.RunEvent(epoch=epoch, n=n, at_ms=at_ms, durable=durable, **_ENCODERS[type(event)](event))
