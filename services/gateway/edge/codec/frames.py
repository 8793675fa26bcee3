"""A run's events as server-sent events: one event, one frame, one id.

A frame is `id: <epoch>-<n>`, a line `data: ` with one compact JSON object, and an empty line. The web client knows an
object by its `type`; `content` and `metadata` are JSON texts inside the JSON. Compact, because the client also looks
for `"status": "completed"` as raw text.

This is the hottest path of the gateway, so frames are put together from texts: orjson encodes what came from outside,
the rest is fixed. Pieces of text, nearly all of a stream, have a way of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import orjson

EPOCH_SPAN = 10_000_000
"""`sequence` = epoch * EPOCH_SPAN + n: unique, and growing over epochs."""

PING = b'data: {"type":"ping"}\n\n'

_AT_ONCE = 256
"""Events whose frames are made before the first of them goes out: some 100 KiB of a text that streams."""
_TERMINAL = {"completed": "completed", "stopped": "stopped", "failed": "error"}

Fields = dict[str, Any]


def quoted(value: object) -> str:
    """Compact JSON of a value."""
    return orjson.dumps(value).decode()


class FrameEncoder:
    """The frames of one run for one viewer."""

    def __init__(self, run_id: str) -> None:
        self._run_id = run_id
        self._thread_id = ""
        self._head = ""
        self._tail = f',"metadata":{quoted(self._metadata(stream_status="chunk"))},"created_at":"'
        self._last_ms = self._last_s = -1
        self._stamp = self._second = ""

    def belongs_to(self, thread_id: str) -> None:
        """Told by the first message of a stream."""
        self._thread_id = thread_id
        self._head = f',"message_id":null,"thread_id":"{thread_id}","type":"assistant","is_llm_message":true,"content":'

    def encode(self, events: Iterable[Any]) -> Iterator[bytes]:
        """The frames of some `RunEvent`s, in order, so many at once. A kind that is not known here has none."""
        frames = []
        for event in events:
            kind = event.WhichOneof("event")
            if kind == "text_chunk":
                frames.append(self._text_chunk(event))
            elif kind is not None:
                frames.append(self._frame(event, _OBJECTS[kind](self, event, getattr(event, kind))))
            if len(frames) == _AT_ONCE:
                yield "".join(frames).encode()
                frames = []
        if frames:
            yield "".join(frames).encode()

    def _text_chunk(self, event: Any) -> str:
        epoch, n, at = event.epoch, event.n, self._time(event.at_ms)
        content = quoted(f'{{"role":"assistant","content":{quoted(event.text_chunk.text)}}}')
        return (
            f'id: {epoch}-{n}\ndata: {{"sequence":{epoch * EPOCH_SPAN + n}{self._head}{content}{self._tail}'
            f'{at}","updated_at":"{at}","_event_id":"{epoch}-{n}"}}\n\n'
        )

    def _frame(self, event: Any, fields: Fields) -> str:
        event_id = f"{event.epoch}-{event.n}"
        return f"id: {event_id}\ndata: {quoted({**fields, '_event_id': event_id})}\n\n"

    def _time(self, at_ms: int) -> str:
        """ISO 8601 in UTC; the second is made once."""
        if at_ms != self._last_ms:
            self._last_ms = at_ms
            second, rest = divmod(at_ms, 1000)
            if second != self._last_s:
                self._last_s = second
                self._second = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
            self._stamp = f"{self._second}.{rest:03d}+00:00"
        return self._stamp

    def _metadata(self, **more: Any) -> str:
        return quoted({**more, "thread_run_id": self._run_id})

    def _row(self, event: Any, kind: str, message_id: str | None, content: Fields, metadata: str) -> Fields:
        """A frame in the shape of a stored message."""
        at = self._time(event.at_ms)
        return {
            "sequence": event.epoch * EPOCH_SPAN + event.n,
            "message_id": message_id,
            "thread_id": self._thread_id,
            "type": kind,
            "is_llm_message": kind not in ("status", "llm_response_start"),
            "content": quoted(content),
            "metadata": metadata,
            "created_at": at,
            "updated_at": at,
        }

    def _plain(self, event: Any, kind: str, **fields: Any) -> Fields:
        return {"type": kind, **fields, "timestamp": self._time(event.at_ms)}

    # One method per kind of event, named as in the oneof.

    def ack(self, event: Any, said: Any) -> Fields:
        return self._plain(event, "ack", message=said.message, agent_run_id=self._run_id)

    def prep_stage(self, event: Any, said: Any) -> Fields:
        detail = {"detail": said.detail} if said.detail else {}
        return self._plain(event, "prep_stage", stage=said.stage, **detail, progress=said.progress)

    def run_started(self, event: Any, said: Any) -> Fields:
        return self._row(event, "status", said.message_id, {"status_type": "thread_run_start"}, self._metadata())

    def thinking(self, event: Any, said: Any) -> Fields:
        return self._plain(event, "thinking", message=said.message)

    def context_usage(self, event: Any, said: Any) -> Fields:
        return self._plain(
            event,
            "context_usage",
            current_tokens=said.current_tokens,
            message_count=said.message_count,
            compressed=said.compressed,
        )

    def model_call_started(self, event: Any, said: Any) -> Fields:
        content = {
            "llm_response_id": said.llm_response_id,
            "auto_continue_count": said.auto_continue_count,
            "model": said.model,
            "timestamp": self._time(event.at_ms),
        }
        metadata = self._metadata(llm_response_id=said.llm_response_id)
        return self._row(event, "llm_response_start", said.message_id, content, metadata)

    def reasoning_chunk(self, event: Any, said: Any) -> Fields:
        metadata = self._metadata(stream_status="reasoning_chunk")
        return self._row(event, "reasoning", None, {"reasoning_content": said.text}, metadata)

    def tool_call_chunk(self, event: Any, said: Any) -> Fields:
        delta = {
            "tool_call_id": said.tool_call_id,
            "function_name": said.function_name,
            "arguments_delta": said.arguments_delta,
            "is_delta": True,
            "source": "native",
            "index": said.index,
        }
        metadata = self._metadata(stream_status="tool_call_chunk", tool_calls=[delta])
        return self._row(event, "assistant", None, {"role": "assistant", "content": ""}, metadata)

    def assistant_complete(self, event: Any, said: Any) -> Fields:
        text = said.text if said.HasField("text") else None
        content: Fields = {"role": "assistant", "content": text}
        metadata: Fields = {"text_content": text or "", "stream_status": "complete"}
        if said.tool_calls:
            content["tool_calls"] = [_openai_call(call) for call in said.tool_calls]
            metadata["tool_calls"] = [_native_call(call) for call in said.tool_calls]
        if said.reasoning:
            metadata["reasoning_content"] = said.reasoning
        return self._row(event, "assistant", said.message_id, content, self._metadata(**metadata))

    def tool_started(self, event: Any, said: Any) -> Fields:
        return self._row(event, "status", said.message_id, _tool_status("tool_started", said), self._metadata())

    def tool_output(self, event: Any, said: Any) -> Fields:  # noqa: ARG002 -- of one shape with the others
        return {
            "type": "tool_output_stream",
            "tool_call_id": said.tool_call_id,
            "tool_name": said.function_name,
            "output": said.output,
            "is_final": said.is_final,
            "agent_run_id": self._run_id,
        }

    def tool_completed(self, event: Any, said: Any) -> Fields:
        content = {
            "role": "tool",
            "tool_call_id": said.tool_call_id,
            "name": said.function_name,
            "content": said.content,
        }
        result = {
            "success": said.success,
            "output": orjson.Fragment(said.output_json or "null"),
            "error": said.error if said.HasField("error") else None,
        }
        metadata = {
            "result": result,
            "tool_call_id": said.tool_call_id,
            "function_name": said.function_name,
            "return_format": "native",
            "assistant_message_id": said.assistant_message_id,
        }
        return self._row(event, "tool", said.message_id, content, quoted(metadata))

    def tool_finished(self, event: Any, said: Any) -> Fields:
        content = _tool_status("tool_completed" if said.success else "tool_failed", said)
        ends = {"agent_should_terminate": "true"} if said.terminating else {}
        metadata = self._metadata(linked_tool_result_message_id=said.linked_tool_result_message_id, **ends)
        return self._row(event, "status", said.message_id, content, metadata)

    def model_call_ended(self, event: Any, said: Any) -> Fields:  # noqa: ARG002 -- as above
        return self._plain(event, "llm_response_end", thread_run_id=self._run_id)

    def step_finished(self, event: Any, said: Any) -> Fields:
        content = {
            "status_type": "finish",
            "finish_reason": said.finish_reason,
            "tools_executed": said.tools_executed,
        }
        return self._row(event, "status", said.message_id, content, self._metadata())

    def message_reset(self, event: Any, said: Any) -> Fields:  # noqa: ARG002 -- as above
        return {"type": "message_reset", "message_id": said.message_id, "reason": said.reason}

    def run_error(self, event: Any, said: Any) -> Fields:
        return self._plain(
            event,
            "error",
            error=said.message,
            error_code=said.error_code,
            recoverable=said.recoverable,
            actions=[_action(action) for action in said.actions],
        )

    def run_ended(self, event: Any, said: Any) -> Fields:  # noqa: ARG002 -- as above
        frame = {"type": "status", "status": _TERMINAL.get(said.status, "error"), "message": said.message}
        return {**frame, "error_code": said.error_code} if said.HasField("error_code") else frame


def _openai_call(call: Any) -> Fields:
    function = {"name": call.function_name, "arguments": call.arguments_json}
    return {"id": call.tool_call_id, "type": "function", "function": function}


def _native_call(call: Any) -> Fields:
    return {
        "tool_call_id": call.tool_call_id,
        "function_name": call.function_name,
        "_original_function_name": call.function_name,
        "arguments": orjson.Fragment(call.arguments_json or "{}"),
        "source": "native",
    }


def _tool_status(status_type: str, said: Any) -> Fields:
    return {
        "status_type": status_type,
        "tool_index": said.tool_index,
        "tool_call_id": said.tool_call_id,
        "function_name": said.function_name,
    }


def _action(action: Any) -> Fields:
    fields: Fields = {"type": action.type, "label": action.label}
    for name in ("url", "delay_seconds"):
        if action.HasField(name):
            fields[name] = getattr(action, name)
    return fields


_OBJECTS: dict[str, Callable[[FrameEncoder, Any, Any], Fields]] = {
    name: getattr(FrameEncoder, name)
    for name in (
        "ack",
        "prep_stage",
        "run_started",
        "thinking",
        "context_usage",
        "model_call_started",
        "reasoning_chunk",
        "tool_call_chunk",
        "assistant_complete",
        "tool_started",
        "tool_output",
        "tool_completed",
        "tool_finished",
        "model_call_ended",
        "step_finished",
        "message_reset",
        "run_error",
        "run_ended",
    )
}
