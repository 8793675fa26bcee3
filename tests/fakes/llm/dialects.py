"""How the same answer looks on different servers' wires.

A dialect turns the beats of an answer into chunks of a response; each chunk is one server-sent event.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from services.agent.llm import script
from services.agent.llm.errors import ErrorType


@dataclass(frozen=True, slots=True)
class Dialect:
    """What a server does differently. `pieces` is how it cuts a call's arguments."""

    name: str
    usage: bool = True
    done: bool = True
    newline: bytes = b"\n"
    pieces: str = "half"
    index: bool = True
    fails_after: int | None = None
    stream_options: bool = True
    reasoning: bytes = b"reasoning_content"


DIALECTS = {
    dialect.name: dialect
    for dialect in (
        Dialect("plain"),
        Dialect("no-usage", usage=False),
        Dialect("no-done", done=False),
        Dialect("crlf", newline=b"\r\n"),
        Dialect("args-whole", pieces="whole"),
        Dialect("args-chars", pieces="chars", index=False),
        Dialect("stream-error", fails_after=3),
        Dialect("strict", stream_options=False),
        Dialect("reasoning", reasoning=b"reasoning"),
    )
}

# class -> status, code, type; the way back is services/agent/llm/classify.py
_ERRORS: dict[ErrorType, tuple[int, str | None, str]] = {
    ErrorType.CONTEXT_WINDOW_EXCEEDED: (400, "context_length_exceeded", "invalid_request_error"),
    ErrorType.AUTHENTICATION: (401, "invalid_api_key", "invalid_request_error"),
    ErrorType.RATE_LIMIT: (429, "rate_limit_exceeded", "requests"),
    ErrorType.INVALID_REQUEST: (422, None, "invalid_request_error"),
    ErrorType.BUDGET_EXCEEDED: (429, "insufficient_quota", "insufficient_quota"),
    ErrorType.SERVICE_UNAVAILABLE: (529, None, "overloaded_error"),
    ErrorType.CONTENT_POLICY: (400, "content_policy_violation", "invalid_request_error"),
    ErrorType.MODEL_NOT_SUPPORTED: (404, "model_not_found", "invalid_request_error"),
    ErrorType.NOT_FOUND: (404, None, "not_found_error"),
    ErrorType.BAD_REQUEST: (400, None, "bad_request"),
    ErrorType.API: (500, None, "server_error"),
}


def error_of(cause: ErrorType | int) -> tuple[int, dict[str, Any]]:
    """Status and body of a failure. A class that only a broken answer has is none of these."""
    status, code, kind = (cause, None, "") if isinstance(cause, int) else _ERRORS[cause]
    return status, {"error": {"message": "mock-ai was told to fail", "type": kind, "param": None, "code": code}}


def in_stream(cause: ErrorType | int) -> dict[str, Any]:
    """The same failure said inside a stream, where there is no status to say it."""
    status, body = error_of(cause)
    body["error"]["code"] = body["error"]["code"] or status
    return body


class OpenAiWriter:
    """Writes the chunks of one answer. `usage_wanted` is what the request asked for."""

    def __init__(self, dialect: Dialect, model: str, call: int, *, usage_wanted: bool) -> None:
        self._dialect = dialect
        self._usage = dialect.usage and usage_wanted
        head = {"id": f"chatcmpl-{call}", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": model}
        self._head = b"data: " + orjson.dumps(head)[:-1] + b","
        self._tail = b"}" + 2 * dialect.newline

    def error(self, cause: ErrorType | int) -> bytes:
        """An error inside the stream; a class that is none of a provider's is bytes that are no JSON."""
        if cause == ErrorType.LLM:
            return b"data: {broken" + 2 * self._dialect.newline
        return b"data: " + orjson.dumps(in_stream(cause)) + 2 * self._dialect.newline

    def refusal(self, cause: ErrorType | int) -> tuple[int, bytes]:
        """Status and body of a failure before the first byte."""
        status, body = error_of(cause)
        return status, orjson.dumps(body)

    def begin(self) -> bytes:
        """The first chunk, which says nothing yet."""
        return self._choice(b'{"role":"assistant","content":""}')

    def write(self, beat: script.Beat) -> Iterator[bytes]:
        """The chunks of a beat that says something."""
        match beat:
            case script.Token():
                yield self._token(beat)
            case script.ToolCall():
                yield from self._call(beat)
            case script.End():
                yield from self._end(beat)

    def _token(self, token: script.Token) -> bytes:
        field = self._dialect.reasoning if token.reasoning else b"content"
        return self._choice(b'{"%b":%b}' % (field, orjson.dumps(token.text)))

    def _call(self, call: script.ToolCall) -> Iterator[bytes]:
        first = {"id": call.call_id, "type": "function", "function": {"name": call.name, "arguments": ""}}
        pieces = cut(call.arguments, self._dialect.pieces)
        if self._dialect.pieces == "whole":
            first["function"] = {"name": call.name, "arguments": pieces.pop()}
        yield self._tool(call.index, first)
        for piece in pieces:
            yield self._tool(call.index, {"function": {"arguments": piece}})

    def _end(self, end: script.End) -> Iterator[bytes]:
        yield self._choice(b"{}", orjson.dumps(end.reason))
        if self._usage:
            prompt, completion, cached, written = end.usage
            usage = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
            if cached or written:
                details = {"cached_tokens": cached, "cache_write_tokens": written}
                usage["prompt_tokens_details"] = details  # type: ignore[assignment]
            yield self._head + b'"choices":[],"usage":' + orjson.dumps(usage) + self._tail
        if self._dialect.done:
            yield b"data: [DONE]" + 2 * self._dialect.newline

    def _tool(self, index: int, piece: dict[str, Any]) -> bytes:
        if self._dialect.index:
            piece = {"index": index} | piece
        return self._choice(b'{"tool_calls":[' + orjson.dumps(piece) + b"]}")

    def _choice(self, delta: bytes, reason: bytes = b"null") -> bytes:
        choice = b'"choices":[{"index":0,"delta":' + delta + b',"finish_reason":' + reason + b"}]"
        return self._head + choice + self._tail


def cut(arguments: str, pieces: str) -> list[str]:
    """The pieces that a dialect sends a call's arguments in."""
    if pieces == "whole":
        return [arguments]
    if pieces == "chars":
        return list(arguments)
    middle = len(arguments) // 2
    return [piece for piece in (arguments[:middle], arguments[middle:]) if piece]
