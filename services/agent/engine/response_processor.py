"""Reads a model's answer as it comes: shows it, gathers it, and says when a call's arguments are complete."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

import orjson

from services.agent.domain.events import ReasoningChunk, RunEvent, TextChunk, ToolCallChunk
from services.agent.llm.port import Finished, ModelEvent, ReasoningDelta, TextDelta, ToolCallDelta, Usage

MAX_TEXT: Final = 100_000
"""Characters of one answer; what is longer is cut, and the answer ends as `length`."""


@dataclass(slots=True)
class Call:
    """A tool call that is being told."""

    index: int
    tool_call_id: str
    function_name: str
    parts: list[str] = field(default_factory=list)
    complete: bool = False

    @property
    def arguments_json(self) -> str:
        """As far as it came."""
        return "".join(self.parts)


@dataclass(slots=True)
class Answer:
    """What came so far. `usage` and `finish_reason` are set when the answer is whole."""

    text_parts: list[str] = field(default_factory=list)
    reasoning_parts: list[str] = field(default_factory=list)
    calls: dict[int, Call] = field(default_factory=dict)
    usage: Usage | None = None
    finish_reason: str | None = None
    length: int = 0

    @property
    def text(self) -> str:
        """The assistant's words."""
        return "".join(self.text_parts)

    @property
    def reasoning(self) -> str:
        """What it thought aloud."""
        return "".join(self.reasoning_parts)

    @property
    def shown(self) -> bool:
        """Whether a viewer has seen any of it."""
        return bool(self.text or self.reasoning or self.calls)


class ResponseProcessor:
    """One answer. `on_call` hears of each call once, as soon as its arguments are a JSON object."""

    def __init__(
        self, message_id: UUID, emit: Callable[[RunEvent], None], on_call: Callable[[Call, Answer], None]
    ) -> None:
        self.answer = Answer()
        self._message_id = str(message_id)
        self._emit = emit
        self._on_call = on_call

    async def read(self, batches: AsyncIterator[list[ModelEvent]]) -> Answer:
        """Reads to the end; whatever interrupts it, `answer` holds what came."""
        async for batch in batches:
            self._batch(batch)
            if self.answer.finish_reason is not None:
                break
        for call in self.answer.calls.values():
            self._complete(call, final=True)
        return self.answer

    def _batch(self, batch: list[ModelEvent]) -> None:
        text: list[str] = []
        for event in batch:
            if type(event) is TextDelta:
                text.append(event.text)
                continue
            self._text(text)
            text = []
            if self.answer.finish_reason is not None:
                return
            self._other(event)
        self._text(text)

    def _text(self, parts: list[str]) -> None:
        """One chunk for what one network read brought."""
        if not parts:
            return
        answer = self.answer
        whole = clean("".join(parts))
        piece = whole[: MAX_TEXT - answer.length]
        if piece:
            answer.text_parts.append(piece)
            answer.length += len(piece)
            self._emit(TextChunk(self._message_id, piece))
        if len(piece) < len(whole):
            answer.finish_reason = "length"

    def _other(self, event: ModelEvent) -> None:
        if isinstance(event, ToolCallDelta):
            self._tool_call(event)
        elif isinstance(event, ReasoningDelta):
            piece = clean(event.text)
            self.answer.reasoning_parts.append(piece)
            self._emit(ReasoningChunk(self._message_id, piece))
        elif isinstance(event, Usage):
            self.answer.usage = event
        elif isinstance(event, Finished):
            self.answer.finish_reason = event.reason

    def _tool_call(self, delta: ToolCallDelta) -> None:
        call = self.answer.calls.get(delta.index)
        if call is None:
            call_id = clean(delta.call_id or "") or f"call_{delta.index}"
            call = Call(delta.index, call_id, clean(delta.name or ""))
            for earlier in self.answer.calls.values():
                self._complete(earlier, final=False)
            self.answer.calls[delta.index] = call
        piece = clean(delta.arguments_delta)
        if piece and not call.complete:
            call.parts.append(piece)
        self._emit(ToolCallChunk(self._message_id, call.tool_call_id, call.function_name, piece, call.index))
        if piece.rstrip().endswith("}"):
            self._complete(call, final=False)

    def _complete(self, call: Call, *, final: bool) -> None:
        """Tells of a call once its arguments parse; at the end no arguments at all are none."""
        if call.complete:
            return
        if final and not call.arguments_json.strip():
            call.parts = ["{}"]
        if final or is_object(call.arguments_json):
            call.complete = True
            self._on_call(call, self.answer)


def is_object(text: str) -> bool:
    """Whether it is a JSON object."""
    try:
        return isinstance(orjson.loads(text), dict)
    except orjson.JSONDecodeError:
        return False


def clean(text: str) -> str:
    """Without NUL, which Postgres can not store, and without halves of characters."""
    if "\x00" in text:
        text = text.replace("\x00", "")
    return text if text.isascii() else text.encode("utf-8", "ignore").decode()
