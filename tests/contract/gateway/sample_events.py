"""One event of each kind, and the variants that change a frame's keys."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import Message
from mesh.agent.v1 import events_pb2 as pb

RUN = "11111111-aaaa-4111-8111-111111111111"
THREAD = "22222222-aaaa-4222-8222-222222222222"
MESSAGE = "33333333-aaaa-4333-8333-333333333333"
OTHER = "44444444-aaaa-4444-8444-444444444444"

_CALL = pb.ToolCall(
    tool_call_id="c1", function_name="create_file", arguments_json='{"path": "a.txt", "n": 12345678901}'
)
_POSITION: dict[str, Any] = {
    "message_id": MESSAGE,
    "tool_call_id": "c1",
    "function_name": "create_file",
    "tool_index": 0,
}

SAMPLES: dict[str, list[Message]] = {
    "ack": [pb.Ack(message="On it")],
    "prep_stage": [pb.PrepStage(stage="ready", progress=100), pb.PrepStage(stage="loading", detail="files")],
    "run_started": [pb.RunStarted(message_id=MESSAGE)],
    "thinking": [pb.Thinking(step=2, message="Step 2")],
    "context_usage": [pb.ContextUsage(current_tokens=10, message_count=2)],
    "model_call_started": [
        pb.ModelCallStarted(message_id=MESSAGE, llm_response_id=OTHER, auto_continue_count=1, model="mock-ai")
    ],
    "text_chunk": [
        pb.TextChunk(message_id=MESSAGE, text='He said "hi"\n\\ and left: ünïcode 🙂 \x00\u2028'),
        pb.TextChunk(message_id=MESSAGE, text='{"type": "status", "status": "completed"}'),
    ],
    "reasoning_chunk": [pb.ReasoningChunk(message_id=MESSAGE, text="hm")],
    "tool_call_chunk": [
        pb.ToolCallChunk(
            message_id=MESSAGE, tool_call_id="c1", function_name="create_file", arguments_delta='{"pa', index=1
        )
    ],
    "assistant_complete": [
        pb.AssistantComplete(message_id=MESSAGE, text="Done", finish_reason="stop"),
        pb.AssistantComplete(message_id=MESSAGE, tool_calls=[_CALL], reasoning="hm", finish_reason="tool_calls"),
    ],
    "tool_started": [pb.ToolStarted(**_POSITION)],
    "tool_output": [pb.ToolOutputChunk(tool_call_id="c1", function_name="execute_command", output="line\n")],
    "tool_completed": [
        pb.ToolCompleted(**_POSITION, assistant_message_id=OTHER, success=True, output_json='{"a": 1}', content="ok"),
        pb.ToolCompleted(**_POSITION, assistant_message_id=OTHER, output_json="null", error="no", content="no"),
    ],
    "model_call_ended": [pb.ModelCallEnded(message_id=MESSAGE, llm_response_id=OTHER, model="mock-ai")],
    "step_finished": [pb.StepFinished(message_id=MESSAGE, finish_reason="stop", step=1)],
    "message_reset": [pb.MessageReset(message_id=MESSAGE, reason="takeover")],
    "run_error": [
        pb.RunError(
            message="Busy",
            error_code="LLM_OVERLOADED",
            recoverable=True,
            actions=[
                pb.ErrorAction(type="retry", label="Try again", delay_seconds=5),
                pb.ErrorAction(type="link", label="Plans", url="https://example.org"),
            ],
        ),
        pb.RunError(message="No", error_code="INTERNAL_ERROR"),
    ],
    "run_ended": [
        pb.RunEnded(status="completed", message="Done", reason="stop"),
        pb.RunEnded(status="stopped", message="Stopped by the user", reason="user"),
        pb.RunEnded(status="failed", message="It broke", error_code="INTERNAL_ERROR", reason="error"),
    ],
    "tool_finished": [
        pb.ToolFinished(**_POSITION, success=True, linked_tool_result_message_id=OTHER, terminating=True),
        pb.ToolFinished(**_POSITION, linked_tool_result_message_id=OTHER),
    ],
}


def event(kind: str, said: Message, *, epoch: int = 1, n: int = 7, at_ms: int = 1_700_000_000_042) -> pb.RunEvent:
    """An event of that kind."""
    made = pb.RunEvent(epoch=epoch, n=n, at_ms=at_ms)
    getattr(made, kind).CopyFrom(said)
    getattr(made, kind).SetInParent()
    return made
