"""mock-ai: a model that needs no key and no network, and does what the prompt's directives say.

It is deterministic: the same request is always answered alike, so that demos, load tests and chaos tests can foretell
what a run does. See docs/mock-ai.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable

from services.agent.llm import script
from services.agent.llm.classify import ProviderError, classify, of_type
from services.agent.llm.errors import ErrorType, ModelError, cut_off
from services.agent.llm.port import Finished, ModelEvent, ModelRequest, ReasoningDelta, TextDelta, ToolCallDelta, Usage

_BATCH = 64


class MockAi:
    """The model port's deterministic adapter. `sleep` is how it waits."""

    def __init__(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._sleep = sleep

    async def stream(self, request: ModelRequest) -> AsyncGenerator[list[ModelEvent], None]:
        """Performs the script in the request's last user message; tokens without a pause come in batches."""
        batch: list[ModelEvent] = []
        for beat in script.perform(
            request.messages, tools=request.tools, attempt=request.attempt, max_tokens=request.max_tokens
        ):
            pause = beat.seconds if isinstance(beat, script.Pause) else None
            failure = _failure(beat)
            if batch and (pause is not None or failure is not None or len(batch) >= _BATCH):
                yield batch
                batch = []
                await self._sleep(pause or 0)
            elif pause is not None:
                await self._sleep(pause)
            if failure is not None:
                raise failure
            batch += _events(beat)
        yield batch

    async def aclose(self) -> None:
        """Nothing is open."""


def _events(beat: script.Beat) -> tuple[ModelEvent, ...]:
    match beat:
        case script.Token(text, reasoning):
            return (ReasoningDelta(text) if reasoning else TextDelta(text),)
        case script.ToolCall(index, call_id, name, arguments):
            return (ToolCallDelta(index, call_id, name, arguments),)
        case script.End(reason, usage):
            return Usage(*usage), Finished(reason)
    return ()


def _failure(beat: script.Beat) -> ModelError | None:
    match beat:
        case script.Failure(int(status)):
            return classify(ProviderError("mock-ai was told to fail"), status)
        case script.Failure(ErrorType() as kind):
            return of_type(kind, "mock-ai was told to fail")
        case script.Broken():
            return cut_off("The connection to the model provider broke off.")
    return None
