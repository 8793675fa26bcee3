"""An answer as Anthropic streams it: blocks of one kind each, opened, continued and closed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from services.agent.llm import script
from services.agent.llm.errors import ErrorType
from tests.fakes.anthropic.errors import error_of, refusal, shape
from tests.fakes.llm.dialects import Dialect, cut

_REASONS = {"stop": "end_turn", "tool_calls": "tool_use", "length": "max_tokens", "content_filter": "refusal"}
_SIGNATURE = "c2lnbmVk"


class AnthropicWriter:
    """Writes the events of one answer. `prompt_tokens` is what the first of them reports."""

    def __init__(self, dialect: Dialect, model: str, call: int, prompt_tokens: int) -> None:
        self._dialect = dialect
        self._model = model
        self._call = call
        self._prompt_tokens = prompt_tokens
        self._index = -1
        self._kind: str | None = None

    def refusal(self, cause: ErrorType | int) -> tuple[int, bytes]:
        """Status and body of a failure before the first byte."""
        return refusal(*error_of(cause))

    def error(self, cause: ErrorType | int) -> bytes:
        """The same failure inside the stream; a class that is none of a provider's is bytes that are no JSON."""
        if cause == ErrorType.LLM:
            return self._event("content_block_delta", b"{broken")
        _, kind, message = error_of(cause)
        return self._say("error", shape(kind or str(cause), message))

    def begin(self) -> bytes:
        """`message_start` and a ping."""
        message: dict[str, Any] = {
            "id": f"msg_{self._call}", "type": "message", "role": "assistant", "model": self._model, "content": [],
            "stop_reason": None, "stop_sequence": None, "usage": _usage((self._prompt_tokens, 1, 0, 0)),
        }  # fmt: skip
        return self._say("message_start", {"message": message}) + self._say("ping", {})

    def write(self, beat: script.Beat) -> Iterator[bytes]:
        """The events of a beat that says something."""
        match beat:
            case script.Token(text, reasoning):
                kind, field = ("thinking", "thinking") if reasoning else ("text", "text")
                if self._kind != kind:
                    yield from self._open({"type": kind, field: ""})
                yield self._delta({"type": f"{kind}_delta", field: text})
            case script.ToolCall():
                yield from self._tool(beat)
            case script.End():
                yield from self._end(beat)

    def _tool(self, call: script.ToolCall) -> Iterator[bytes]:
        yield from self._open({"type": "tool_use", "id": call.call_id, "name": call.name, "input": {}})
        arguments = "" if call.arguments == "{}" else call.arguments
        for piece in ("", *cut(arguments, self._dialect.pieces)):
            yield self._delta({"type": "input_json_delta", "partial_json": piece})

    def _end(self, end: script.End) -> Iterator[bytes]:
        yield from self._close()
        delta = {"stop_reason": _REASONS[end.reason], "stop_sequence": None}
        yield self._say("message_delta", {"delta": delta, "usage": _usage(end.usage)})
        if self._dialect.done:
            yield self._say("message_stop", {})

    def _open(self, block: dict[str, Any]) -> Iterator[bytes]:
        yield from self._close()
        self._index += 1
        self._kind = block["type"]
        yield self._say("content_block_start", {"index": self._index, "content_block": block})

    def _close(self) -> Iterator[bytes]:
        if self._kind == "thinking":
            yield self._delta({"type": "signature_delta", "signature": _SIGNATURE})
        if self._kind is not None:
            yield self._say("content_block_stop", {"index": self._index})
        self._kind = None

    def _delta(self, delta: dict[str, Any]) -> bytes:
        return self._say("content_block_delta", {"index": self._index, "delta": delta})

    def _say(self, name: str, fields: dict[str, Any]) -> bytes:
        return self._event(name, orjson.dumps({"type": name} | fields))

    def _event(self, name: str, data: bytes) -> bytes:
        newline = self._dialect.newline
        return b"event: " + name.encode() + newline + b"data: " + data + 2 * newline


def _usage(usage: tuple[int, int, int, int]) -> dict[str, int]:
    """As Anthropic counts: what is cached is no part of the input tokens."""
    prompt, completion, read, written = usage
    return {
        "input_tokens": prompt - read - written,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": read,
        "output_tokens": completion,
    }
