"""The model port: what the run loop asks of a model, and what it hears back.

One shape for every provider. A request is OpenAI's chat shape, because that is what stored messages already have; an
answer is a stream of batches, one batch for what one network read brought, so that a fast answer costs few wake-ups
and a lone token never waits for company.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

FinishReason = Literal["stop", "tool_calls", "length", "content_filter"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRequest:
    """One call of a model.

    `model` is the provider's own name. `messages` and `tools` are OpenAI-shaped. `request_id` is the step's idempotency
    key: equal for every attempt of one step, `attempt` counts them from 1. `request_timeout` bounds the whole call and
    `stream_timeout` each silence within it, the one before the first byte included; both in seconds.
    `reasoning_effort` is `low`, `medium` or `high`; models that do not reason, or can not now, go without.
    """

    model: str
    messages: Sequence[Mapping[str, Any]]
    tools: Sequence[Mapping[str, Any]] = ()
    tool_choice: str | Mapping[str, Any] = "auto"
    temperature: float | None = 0.0
    max_tokens: int | None = None
    reasoning_effort: str | None = None
    request_timeout: float = 1800.0
    stream_timeout: float = 300.0
    request_id: str = ""
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class TextDelta:
    """A piece of the answer's text, never empty."""

    text: str


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    """A piece of what the model thinks aloud, never empty."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """A piece of one tool call.

    `index` counts the answer's calls from 0 in order of appearance. The first delta of an index carries `call_id` and
    `name`, later ones carry neither. The `arguments_delta`s of an index concatenate to the call's JSON arguments.
    """

    index: int
    call_id: str | None
    name: str | None
    arguments_delta: str


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call; `prompt_tokens` includes the cached ones. `estimated` when the provider did not say."""

    prompt_tokens: int
    completion_tokens: int
    cached_read_tokens: int = 0
    cache_write_tokens: int = 0
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class Finished:
    """The answer is whole. A reason that no provider agrees upon is `stop`."""

    reason: FinishReason


ModelEvent = TextDelta | ReasoningDelta | ToolCallDelta | Usage | Finished


class ModelPort(Protocol):
    """A way to reach models."""

    def stream(self, request: ModelRequest) -> AsyncGenerator[list[ModelEvent], None]:
        """Asks once, never retries, and yields non-empty batches of events.

        A stream that ends well ends with exactly one `Usage` and then one `Finished`; any other end raises
        `ModelError`, after whatever came before it was yielded. Closing the generator (use `contextlib.aclosing`) or
        cancelling the task that reads it closes the model's socket at once.
        """
        ...

    async def aclose(self) -> None:
        """Closes what the adapter keeps open."""
        ...
