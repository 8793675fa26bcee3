"""Feeding an answer from chunks, as a server would send them."""

from __future__ import annotations

from typing import Any

import orjson

from services.agent.llm.answer import Answer, Limits
from services.agent.llm.errors import ModelError
from services.agent.llm.port import ModelEvent, ModelRequest

REQUEST = ModelRequest(model="m", messages=[{"role": "user", "content": "hello"}], request_id="run:1")


def delta(reason: str | None = None, **fields: Any) -> dict[str, Any]:
    """A chunk with one choice."""
    return {"choices": [{"index": 0, "delta": fields, "finish_reason": reason}]}


def calls(*pieces: dict[str, Any]) -> dict[str, Any]:
    """A chunk with pieces of tool calls."""
    return delta(tool_calls=list(pieces))


def read(
    *chunks: dict[str, Any] | bytes, limits: Limits | None = None, streamed: bool = True
) -> tuple[list[ModelEvent], ModelError | None]:
    """The events of an answer of these chunks, and its error."""
    answer = Answer(REQUEST, limits or Limits(), streamed=streamed)
    events: list[ModelEvent] = []
    for chunk in chunks:
        payload = chunk if isinstance(chunk, bytes) else orjson.dumps(chunk)
        events += answer.feed(b"data: " + payload + b"\n\n" if streamed else payload)
        if answer.over:
            break
    events += answer.close()
    return events, answer.error
