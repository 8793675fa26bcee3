"""Asking a model in tests: a prompt in, the whole answer out."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from services.agent.llm.errors import ModelError
from services.agent.llm.port import (
    Finished,
    ModelEvent,
    ModelPort,
    ModelRequest,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    Usage,
)


@dataclass
class Heard:
    """What came of one request."""

    events: list[ModelEvent] = field(default_factory=list)
    error: ModelError | None = None

    @property
    def text(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, TextDelta))

    @property
    def reasoning(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, ReasoningDelta))

    @property
    def calls(self) -> list[tuple[str | None, str | None, str]]:
        """Id, name and arguments of each call, by index."""
        calls: list[tuple[str | None, str | None, str]] = []
        for event in self.events:
            if isinstance(event, ToolCallDelta):
                if event.index == len(calls):
                    calls.append((event.call_id, event.name, ""))
                call_id, name, arguments = calls[event.index]
                calls[event.index] = (call_id, name, arguments + event.arguments_delta)
        return calls

    @property
    def usage(self) -> Usage:
        (usage,) = [event for event in self.events if isinstance(event, Usage)]
        return usage

    @property
    def reason(self) -> str:
        (finished,) = [event for event in self.events if isinstance(event, Finished)]
        return finished.reason


def request(prompt: str, model: str = "fake", **fields: Any) -> ModelRequest:
    """A request with one user message."""
    return ModelRequest(model=model, messages=[{"role": "user", "content": prompt}], **fields)


async def ask(port: ModelPort, wanted: ModelRequest) -> Heard:
    """Reads the answer to its end, good or bad, which must come within 30 s."""
    heard = Heard()
    try:
        async with asyncio.timeout(30), aclosing(port.stream(wanted)) as batches:
            async for batch in batches:
                assert batch, "an empty batch"
                heard.events += batch
    except ModelError as error:
        heard.error = error
    return heard
