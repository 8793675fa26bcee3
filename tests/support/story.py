"""What a run's frames must say, one after the other: the reader's side of the stream's contract, as a state machine.

A `Story` is told every frame of a stream, in order and across reconnects, and objects to the first that is wrong. It
knows frames alone: nothing of events, epochs' owners or where a frame came from.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import orjson

Frame = dict[str, Any]
Key = tuple[int, int]

TERMINAL = frozenset({"completed", "stopped", "error"})
_EVENT_ID = re.compile(r"(0|[1-9]\d*)-([1-9]\d*)")
_ACTED_ON = ("ack", "assistant", "reasoning", "tool", "tool_output_stream", "status", "error")
_PROGRESS = ("prep_stage", "thinking", "context_usage")
_TYPES = frozenset((*_ACTED_ON, *_PROGRESS, "llm_response_start", "llm_response_end", "message_reset"))
_STATUS_ROWS = frozenset({"thread_run_start", "tool_started", "tool_completed", "tool_failed", "finish"})


@dataclass
class Answer:
    """What a model says: chunks after the last reset, in the end of each kind the whole or none. `withdrawn`: the
    message ids that resets named."""

    start_id: str
    text: str = ""
    reasoning: str = ""
    arguments: dict[str, str] = field(default_factory=dict)
    chunks: int = 0
    withdrawn: set[str] = field(default_factory=set)


@dataclass
class Call:
    """A tool call of a complete message: started before its one result."""

    name: str
    started: bool = False
    result: Frame | None = None
    ended: bool = False


class Story:
    """One viewer's view of one run, from its first event on."""

    def __init__(self, run_id: str, thread_id: str = "") -> None:
        self.run_id = run_id
        self.thread_id = thread_id
        self.told: dict[str, bool] = {}
        """By complete message: whether its text was told in chunks, after the last reset, as well."""
        self.calls: dict[tuple[str, str], Call] = {}
        self.started: set[str] = set()
        self.ended = False
        self._open: Answer | None = None
        self._last: Key = (0, 0)
        self._sequence = 0
        self._ids: set[str] = set()
        self._told = 0

    def tell(self, raw: bytes) -> Frame:
        """Takes the JSON text of a frame, and gives its object back."""
        frame: Frame = orjson.loads(raw)
        assert orjson.dumps(frame) == raw, f"not compact: {raw!r}"
        assert not self.ended, f"after the terminal: {frame}"
        assert frame["type"] in _TYPES, f"not in the contract: {frame}"
        self._in_order(frame)
        assert (self._told == 0) == (frame["type"] == "ack"), f"a stream begins with one ack: {frame}"
        self._told += 1
        kind = "message_complete" if frame["type"] == "assistant" and frame["message_id"] else frame["type"]
        getattr(self, f"_{kind}", self._nothing)(frame)
        return frame

    def _in_order(self, frame: Frame) -> None:
        found = _EVENT_ID.fullmatch(frame["_event_id"])
        assert found, f"no event id: {frame}"
        key = (int(found[1]), int(found[2]))
        assert key > self._last, f"{key} after {self._last}: {frame}"
        self._last = key
        for name in ("thread_run_id", "agent_run_id"):
            assert frame.get(name, self.run_id) == self.run_id, frame
        if "sequence" in frame:
            assert frame["sequence"] > self._sequence, f"{frame['sequence']} after {self._sequence}"
            self._sequence = frame["sequence"]
            self.thread_id = self.thread_id or frame["thread_id"]
            assert frame["thread_id"] == self.thread_id, frame
            assert _inner(frame, "metadata").get("thread_run_id", self.run_id) == self.run_id, frame

    def _nothing(self, frame: Frame) -> None:
        """Shown, or not even that."""

    def _new_id(self, frame: Frame) -> None:
        assert frame["message_id"] not in self._ids, f"told twice: {frame}"
        self._ids.add(frame["message_id"])

    def _llm_response_start(self, frame: Frame) -> None:
        """Asked again, the model begins the same answer anew: what was shown has been withdrawn by then."""
        assert self._open is None or self._open.start_id == frame["message_id"], f"an answer within another: {frame}"
        assert self._open is None or not self._open.chunks, f"begins anew, and nothing was withdrawn: {frame}"
        if self._open is None:
            self._new_id(frame)
            self._open = Answer(frame["message_id"])

    def _message_reset(self, frame: Frame) -> None:
        assert set(frame) == {"type", "message_id", "reason", "_event_id"}, frame
        assert frame["reason"] in ("takeover", "retry", "stream_lost"), frame
        assert self._open is not None, f"withdraws what is complete: {frame}"
        withdrawn = {*self._open.withdrawn, frame["message_id"]}
        assert len(withdrawn) == 1, f"an answer has one message: {withdrawn}"
        self._open = Answer(self._open.start_id, withdrawn=withdrawn)

    def _assistant(self, frame: Frame) -> None:
        message, metadata = self._chunk(frame), _inner(frame, "metadata")
        if metadata["stream_status"] == "chunk":
            message.text += _inner(frame, "content")["content"]
            return
        assert metadata["stream_status"] == "tool_call_chunk", frame
        (delta,) = metadata["tool_calls"]
        assert delta["is_delta"] is True, frame
        assert delta["source"] == "native", frame
        call_id = delta["tool_call_id"]
        message.arguments[call_id] = message.arguments.get(call_id, "") + delta["arguments_delta"]

    def _reasoning(self, frame: Frame) -> None:
        message = self._chunk(frame)
        assert _inner(frame, "metadata")["stream_status"] == "reasoning_chunk", frame
        message.reasoning += _inner(frame, "content")["reasoning_content"]

    def _chunk(self, frame: Frame) -> Answer:
        assert frame["message_id"] is None, frame
        assert self._open is not None, f"a chunk of no message: {frame}"
        self._open.chunks += 1
        return self._open

    def _message_complete(self, frame: Frame) -> None:
        self._new_id(frame)
        message, content, metadata = self._open, _inner(frame, "content"), _inner(frame, "metadata")
        message_id = frame["message_id"]
        assert message is not None, f"complete, and never begun: {frame}"
        assert message.withdrawn <= {message_id}, f"{message.withdrawn} withdrawn: {frame}"
        assert metadata["stream_status"] == "complete", frame
        assert metadata["text_content"] == (content["content"] or ""), frame
        calls = {call["tool_call_id"]: call for call in metadata.get("tool_calls", [])}
        said = {call["id"]: call["function"] for call in content.get("tool_calls", [])}
        assert list(calls) == list(said), frame
        assert message.text in ("", metadata["text_content"]), f"{message.text!r}: {frame}"
        assert message.reasoning in ("", metadata.get("reasoning_content", "")), f"{message.reasoning!r}: {frame}"
        for call_id, call in calls.items():
            assert call["function_name"] == said[call_id]["name"], frame
            assert orjson.loads(said[call_id]["arguments"]) == call["arguments"], frame
            assert message.arguments.get(call_id, "") in ("", said[call_id]["arguments"]), frame
            self.calls[message_id, call_id] = Call(call["function_name"], call_id in self.started)
        self.told[message_id] = message.text == metadata["text_content"]
        self._open, self.started = None, set()

    def _tool(self, frame: Frame) -> None:
        self._new_id(frame)
        content, metadata = _inner(frame, "content"), _inner(frame, "metadata")
        call = self.calls[metadata["assistant_message_id"], metadata["tool_call_id"]]
        assert call.started, f"a result of what never began: {frame}"
        assert call.result is None, f"a second result: {frame}"
        assert content["role"] == "tool", frame
        assert isinstance(content["content"], str), frame
        assert content["tool_call_id"] == metadata["tool_call_id"], frame
        assert content["name"] == metadata["function_name"] == call.name, frame
        assert set(metadata["result"]) == {"success", "output", "error"}, frame
        call.result = frame

    def _tool_output_stream(self, frame: Frame) -> None:
        assert frame["tool_call_id"] in self.started or any(
            call_id == frame["tool_call_id"] and call.started and call.result is None
            for (_, call_id), call in self.calls.items()
        ), f"output of what does not run: {frame}"

    def _status(self, frame: Frame) -> None:
        if "status" in frame:
            self._terminal(frame)
            return
        self._new_id(frame)
        content = _inner(frame, "content")
        assert content["status_type"] in _STATUS_ROWS, frame
        if content["status_type"] == "tool_started":
            self._tool_started(content["tool_call_id"])
        elif content["status_type"] in ("tool_completed", "tool_failed"):
            self._tool_ended(frame, content)

    def _tool_started(self, call_id: str) -> None:
        waiting = [call for (_, other), call in self.calls.items() if other == call_id and call.result is None]
        if self._open is not None:
            self.started.add(call_id)
        else:
            waiting[-1].started = True

    def _tool_ended(self, frame: Frame, content: Frame) -> None:
        linked = _inner(frame, "metadata")["linked_tool_result_message_id"]
        (call,) = [call for call in self.calls.values() if call.result and call.result["message_id"] == linked]
        assert call.result is not None
        assert not call.ended, f"ends twice: {frame}"
        success = _inner(call.result, "metadata")["result"]["success"]
        assert content["status_type"] == ("tool_completed" if success else "tool_failed"), frame
        call.ended = True

    def _error(self, frame: Frame) -> None:
        assert frame["error"], frame
        assert frame["error_code"], frame
        assert isinstance(frame["recoverable"], bool), frame

    def _terminal(self, frame: Frame) -> None:
        assert frame["status"] in TERMINAL, frame
        assert frame["status"] != "error" or (frame["message"] and frame["error_code"]), frame
        assert all(call.result and call.ended for call in self.calls.values()), f"calls without a result: {frame}"
        assert self._open is None or frame["status"] != "completed", f"a message is left open: {frame}"
        self.ended = True


def _inner(frame: Frame, name: str) -> Frame:
    """`content` or `metadata`: a JSON object as a text."""
    assert isinstance(frame[name], str), frame
    value = orjson.loads(frame[name])
    assert isinstance(value, dict), frame
    return value


def check_rows(frames: list[Frame], rows: list[Frame]) -> None:
    """`rows`: the run's thread as `GET /threads/{id}/messages?optimized=false` has it. Each frame with an id is a row,
    and each answer and result a frame. What is announced before it is done is a row once something came of it."""
    told = {frame["message_id"]: frame for frame in frames if "content" in frame and frame["message_id"]}
    stored = {row["message_id"]: row for row in rows}
    assert len(stored) == len(rows), "two rows of one id"
    for message_id, frame in told.items():
        if message_id not in stored and _announces(frame):
            continue
        row = stored[message_id]
        assert row["type"] == frame["type"], (frame, row)
        assert row["is_llm_message"] == frame["is_llm_message"], (frame, row)
        if frame["type"] != "llm_response_start":
            assert row["content"] == _inner(frame, "content"), (frame, row)
            assert row["metadata"] == _as_stored(_inner(frame, "metadata")), (frame, row)
    untold = [row for row in rows if row["type"] in ("assistant", "tool") and row["message_id"] not in told]
    assert not untold, f"stored, and never told: {untold}"


def differences(live: list[Frame], replay: list[Frame]) -> list[Frame]:
    """What is wrong with a view beside a later replay of all of it: frames that are not there, or not the same, and
    frames that it lacks, other than those that only say how things go."""
    seen = {frame["_event_id"]: frame for frame in live}
    whole = {frame["_event_id"]: frame for frame in replay}
    missed = [frame for event_id, frame in whole.items() if event_id not in seen and frame["type"] not in _PROGRESS]
    return missed + [frame for event_id, frame in seen.items() if whole.get(event_id) != frame]


def _announces(frame: Frame) -> bool:
    return frame["type"] == "llm_response_start" or _inner(frame, "content").get("status_type") == "tool_started"


def _as_stored(metadata: Frame) -> Frame:
    """What the stream alone says is left out."""
    metadata.pop("stream_status", None)
    for call in metadata.get("tool_calls", []):
        call.pop("_original_function_name", None)
    return metadata
