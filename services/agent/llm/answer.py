"""The answer to one request, from the bytes of the response to model events.

An answer is whole when the provider said so: by a finish reason, or by `[DONE]` after something was said. The usage
may come before, with or after the finish reason, or never; the two closing events wait for it as long as the stream
lasts, and are made exactly once.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol

import orjson

from services.agent.llm import estimate
from services.agent.llm.classify import ProviderError, classify, of_type, read_error
from services.agent.llm.errors import ErrorType, ModelError, cut_off
from services.agent.llm.port import (
    Finished,
    FinishReason,
    ModelEvent,
    ModelRequest,
    ReasoningDelta,
    TextDelta,
    Usage,
)
from services.agent.llm.sse import LineTooLongError, SseReader
from services.agent.llm.tool_calls import ToolCalls

_REASONS: MappingProxyType[str, FinishReason] = MappingProxyType(
    {
        "tool_calls": "tool_calls",
        "tool_use": "tool_calls",
        "function_call": "tool_calls",
        "length": "length",
        "max_tokens": "length",
        "content_filter": "content_filter",
    }
)


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on one answer: bytes of a line or of a body that is no stream, characters in all."""

    max_line_bytes: int = 8 << 20
    max_answer_chars: int = 8 << 20


class _Reader(Protocol):
    def feed(self, read: bytes) -> list[bytes]: ...
    def close(self) -> list[bytes]: ...


class _WholeBody:
    """Stands in for the reader where a server ignored `stream` and answers with one JSON document."""

    def __init__(self, max_bytes: int) -> None:
        self._max = max_bytes
        self._body = bytearray()

    def feed(self, read: bytes) -> list[bytes]:
        self._body += read
        if len(self._body) > self._max:
            raise LineTooLongError
        return []

    def close(self) -> list[bytes]:
        return [bytes(self._body)]


class Answer:
    """Feed it reads until it is `over`, then `close` it; `error` says whether and how it went wrong."""

    def __init__(self, request: ModelRequest, limits: Limits, *, streamed: bool = True) -> None:
        self._request = request
        self._max_chars = limits.max_answer_chars
        self._reader: _Reader = SseReader(limits.max_line_bytes) if streamed else _WholeBody(limits.max_line_bytes)
        self._meter = estimate.TextMeter()
        self._calls = ToolCalls(request.request_id)
        self._usage: Usage | None = None
        self._reason: str | None = None
        self.over = False
        self.error: ModelError | None = None

    def feed(self, read: bytes) -> list[ModelEvent]:
        """The events that one network read brought."""
        events: list[ModelEvent] = []
        try:
            for payload in self._reader.feed(read):
                if self.over:
                    break
                self._payload(payload, events)
        except LineTooLongError:
            self._fail(of_type(ErrorType.LLM, "a line of it is too long"))
        return events

    def take(self, chunk: dict[str, Any]) -> list[ModelEvent]:
        """The events in one chunk that somebody else decoded."""
        events: list[ModelEvent] = []
        if not self.over:
            self._chunk(chunk, events)
        return events

    def close(self, broken: ModelError | None = None) -> list[ModelEvent]:
        """The events left when the response ended, by itself or as `broken`."""
        events: list[ModelEvent] = []
        if not self.over and broken is None:
            for payload in self._reader.close():
                self._last_payload(payload, events)
        if not self.over and self._reason is not None:
            self._finish(events)
        if not self.over:
            self._fail(broken or cut_off("The model's answer broke off."))
        return events

    def _last_payload(self, payload: bytes, events: list[ModelEvent]) -> None:
        try:
            orjson.loads(payload)
        except orjson.JSONDecodeError:
            if payload != b"[DONE]":
                return  # half a chunk: the cut is reported, not its ragged edge
        self._payload(payload, events)

    def _payload(self, payload: bytes, events: list[ModelEvent]) -> None:
        if payload == b"[DONE]":
            self._done(events)
            return
        try:
            chunk = orjson.loads(payload)
        except orjson.JSONDecodeError:
            self._fail(of_type(ErrorType.LLM, "a piece of it is not JSON"))
            return
        if not isinstance(chunk, dict):
            self._fail(of_type(ErrorType.LLM, "a piece of it is not an object"))
        elif "error" in chunk or "choices" not in chunk:
            self._odd_chunk(chunk, events)
        else:
            self._chunk(chunk, events)

    def _odd_chunk(self, chunk: dict[str, Any], events: list[ModelEvent]) -> None:
        said = read_error(chunk)
        if said is not None:
            self._fail(classify(said))
        else:
            self._chunk(chunk, events)

    def _chunk(self, chunk: dict[str, Any], events: list[ModelEvent]) -> None:
        choices = chunk.get("choices")
        if choices and isinstance(choices, list):
            self._choice(choices[0], events)
        usage = chunk.get("usage")
        if usage:
            self._usage = _usage(usage) or self._usage
        if self._meter.chars > self._max_chars:
            self._fail(of_type(ErrorType.LLM, "it is too long"))
        elif self._reason is not None and self._usage is not None and not self.over:
            self._finish(events)

    def _choice(self, choice: Any, events: list[ModelEvent]) -> None:
        if not isinstance(choice, dict) or choice.get("index"):
            return
        delta = choice.get("delta") or choice.get("message")
        if isinstance(delta, dict):
            self._delta(delta, events)
        reason = choice.get("finish_reason")
        if reason == "error":
            self._fail(classify(read_error(choice) or ProviderError("it broke off its answer")))
        elif isinstance(reason, str) and reason:
            self._reason = self._reason or reason  # what follows the first is a mark of the end

    def _delta(self, delta: dict[str, Any], events: list[ModelEvent]) -> None:
        reasoning = delta.get("reasoning_content") or delta.get("reasoning")
        if reasoning and isinstance(reasoning, str):
            self._meter.add(reasoning)
            events.append(ReasoningDelta(reasoning))
        content = delta.get("content")
        if content:
            self._content(content, events)
        calls = delta.get("tool_calls")
        if calls and isinstance(calls, list):
            for call in self._calls.read(calls):
                self._meter.add(call.arguments_delta)
                events.append(call)

    def _content(self, content: Any, events: list[ModelEvent]) -> None:
        if isinstance(content, str):
            self._meter.add(content)
            events.append(TextDelta(content))
        elif isinstance(content, list):
            for part in content:
                self._part(part, events)

    def _part(self, part: Any, events: list[ModelEvent]) -> None:
        text = part.get("text") if isinstance(part, dict) else None
        if isinstance(text, str) and text:
            self._content(text, events)

    def _done(self, events: list[ModelEvent]) -> None:
        if self._reason is None and not self._meter.chars and not self._calls:
            self._fail(cut_off("The model's answer was empty."))
        elif not self.over:
            self._finish(events)

    def _finish(self, events: list[ModelEvent]) -> None:
        if self._calls.unnamed:
            self._fail(of_type(ErrorType.LLM, "a tool call in it has no name"))
            return
        self.over = True
        reason = _REASONS.get(self._reason or "stop", "stop")
        if reason == "stop" and self._calls:
            reason = "tool_calls"  # several servers say `stop` beneath their calls
        events += (self._usage or self._estimate(), Finished(reason))

    def _estimate(self) -> Usage:
        return Usage(estimate.estimate_prompt(self._request), self._meter.tokens, estimated=True)

    def _fail(self, error: ModelError) -> None:
        self.over = True
        self.error = self.error or error


def _usage(usage: Any) -> Usage | None:
    """The usage as a server reports it, None when it reports nothing but zeros."""
    if not isinstance(usage, dict):
        return None
    prompt, completion = _count(usage, "prompt_tokens"), _count(usage, "completion_tokens")
    if not prompt and not completion:
        return None
    details = usage.get("prompt_tokens_details")
    details = details if isinstance(details, dict) else {}
    read = (
        _count(details, "cached_tokens")
        or _count(usage, "cache_read_input_tokens")
        or _count(usage, "prompt_cache_hit_tokens")
    )
    write = _count(details, "cache_write_tokens") or _count(usage, "cache_creation_input_tokens")
    return Usage(prompt, completion, read, write)


def _count(mapping: dict[str, Any], key: str) -> int:
    value = mapping.get(key)
    return value if type(value) is int and value > 0 else 0
