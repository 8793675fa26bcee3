"""A run as a person reads it: from frames to text. Pure: each frame gives the text to show next.

hello there                       the model's words, as they come
> execute_command                 a tool call, with its arguments
  command: echo hi
| hi                              what it prints, live
< execute_command: done           how it ended
"""

from __future__ import annotations

from typing import Any

import orjson

from .client import Frame

_LONGEST_ARGUMENT = 400
_LONGEST_RESULT = 2000


class Transcript:
    """The text of one run so far. Feed it frames in order."""

    def __init__(self) -> None:
        self._at_line_start = True
        self._arguments: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._announced: set[str] = set()
        self._printed: set[str] = set()

    def feed(self, frame: Frame) -> str:
        """The text that this frame adds."""
        match frame:
            case {"type": "assistant"}:
                return self._assistant(_decoded(frame, "content"), _decoded(frame, "metadata"))
            case {"type": "tool_output_stream", "tool_call_id": call, "output": output}:
                return self._announce(call) + self._output(call, output)
            case {"type": "tool"}:
                return self._result(_decoded(frame, "metadata"))
            case {"type": "message_reset", "reason": reason}:
                return self._line(f"[what was shown of this message is withdrawn ({reason}) and told again]")
            case {"type": "error", "error": error}:
                return self._line(f"[{error}]")
            case {"type": "status"}:
                return self._status(frame)
        return ""

    def _assistant(self, content: dict[str, Any], metadata: dict[str, Any]) -> str:
        match metadata.get("stream_status"):
            case "chunk":
                return self._text(str(content.get("content") or ""))
            case "tool_call_chunk":
                for delta in metadata.get("tool_calls", ()):
                    self._collect(delta)
                return ""
            case "complete":
                return self._complete(metadata)
        return ""

    def _collect(self, delta: dict[str, Any]) -> None:
        call = delta["tool_call_id"]
        self._names[call] = delta.get("function_name") or self._names.get(call, "")
        whole = delta.get("arguments")
        if whole is not None:
            self._arguments[call] = whole if isinstance(whole, str) else orjson.dumps(whole).decode()
        else:
            self._arguments[call] = self._arguments.get(call, "") + delta.get("arguments_delta", "")

    def _complete(self, metadata: dict[str, Any]) -> str:
        shown = "" if self._at_line_start else self._line("")
        for call in metadata.get("tool_calls") or ():
            self._collect(call)
            shown += self._announce(call["tool_call_id"])
        return shown

    def _status(self, frame: Frame) -> str:
        if status := frame.get("status"):
            return self._line(f"[{status}] {frame.get('message') or ''}".rstrip())
        content = _decoded(frame, "content")
        started = content.get("status_type") == "tool_started" and content.get("tool_call_id") in self._names
        return self._announce(content["tool_call_id"]) if started else ""

    def _announce(self, call: str) -> str:
        if call in self._announced:
            return ""
        self._announced.add(call)
        lines = [f"> {self._names.get(call, 'tool')}", *_argument_lines(self._arguments.get(call, ""))]
        return self._line("\n".join(lines))

    def _output(self, call: str, output: str) -> str:
        if not output:
            return ""
        self._printed.add(call)
        return self._line("\n".join(f"| {line}" for line in output.rstrip("\n").split("\n")))

    def _result(self, metadata: dict[str, Any]) -> str:
        call, name, result = metadata["tool_call_id"], metadata["function_name"], metadata.get("result") or {}
        self._names.setdefault(call, name)
        shown = self._announce(call)
        if call not in self._printed:
            shown += self._output(call, _readable(result.get("output"))[:_LONGEST_RESULT])
        ending = "done" if result.get("success") else f"failed: {result.get('error')}"
        return shown + self._line(f"< {name}: {ending}")

    def _text(self, text: str) -> str:
        self._at_line_start = text.endswith("\n") if text else self._at_line_start
        return text

    def _line(self, line: str) -> str:
        """A line of its own, whatever was shown before."""
        begin = "" if self._at_line_start else "\n"
        self._at_line_start = True
        return f"{begin}{line}\n" if line else begin


def _decoded(frame: Frame, field: str) -> dict[str, Any]:
    """`content` and `metadata` are JSON inside JSON."""
    value = frame.get(field)
    decoded = orjson.loads(value) if isinstance(value, str) else value
    return decoded if isinstance(decoded, dict) else {}


def _argument_lines(arguments: str) -> list[str]:
    try:
        named = orjson.loads(arguments or "{}")
    except orjson.JSONDecodeError:
        named = {"arguments": arguments}
    return [f"  {name}: {_readable(value)[:_LONGEST_ARGUMENT]}" for name, value in named.items()]


def _readable(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else orjson.dumps(value).decode()
