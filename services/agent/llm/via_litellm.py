"""The adapter for every provider that litellm knows: Anthropic, Bedrock, Gemini and the rest.

litellm shapes the request and reads the chunks; the connection, the deadlines and the answer are ours, as they are for
the direct adapter, so that both behave alike.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Any

import httpx

from services.agent.llm.answer import Answer, Limits
from services.agent.llm.cache_points import copied, wants_cache_points, with_cache_points
from services.agent.llm.chunks import as_openai
from services.agent.llm.classify import classify, of_type
from services.agent.llm.errors import ErrorType, ModelError, timed_out
from services.agent.llm.exchange import Exchange
from services.agent.llm.litellm_library import Library, load
from services.agent.llm.port import ModelEvent, ModelRequest
from services.agent.llm.transport import StreamTransport

_NO_OPTIONS: Mapping[str, str] = MappingProxyType({})
_UNSPECIFIC = frozenset({ErrorType.INVALID_REQUEST, ErrorType.BAD_REQUEST})
_SPECIFIC = frozenset({ErrorType.CONTEXT_WINDOW_EXCEEDED, ErrorType.CONTENT_POLICY})


class LiteLlm:
    """A model port to one provider of litellm's.

    `api_base` None: the provider's own; `options` are further arguments of litellm's for this provider, as a region.
    """

    def __init__(
        self,
        provider: str,
        api_key: str | None = None,
        api_base: str | None = None,
        *,
        options: Mapping[str, str] = _NO_OPTIONS,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
        limits: Limits | None = None,
    ) -> None:
        self._provider = provider
        self._fixed = _fixed(api_key, api_base) | dict(options)
        self._transport = transport or StreamTransport()
        self._clock = clock
        self._limits = limits or Limits()

    async def stream(self, request: ModelRequest) -> AsyncGenerator[list[ModelEvent], None]:
        """Asks once and yields batches of events, as the port says."""
        library = await load()
        deadline = self._clock() + request.request_timeout
        exchange = Exchange(self._transport, min(request.stream_timeout, request.request_timeout))
        answer = Answer(request, self._limits)
        chunks: AsyncIterator[Any] | None = None
        broken: ModelError | None = None
        try:
            chunks = await library.open(exchange, self._arguments(request))
            async for chunk in chunks:
                if events := answer.take(as_openai(chunk)):
                    yield events
                if answer.over:
                    break
                if self._clock() > deadline:
                    broken = timed_out("The model took too long to answer.")
                    break
        except library.failures as error:
            broken = _told(exchange, library.kind_of(error, self._provider), error)
        finally:
            await exchange.leave(keep=answer.over and answer.error is None)
            await _finish(library, chunks)
        if events := answer.close(broken):
            yield events
        if answer.error is not None:
            raise answer.error

    async def aclose(self) -> None:
        """Closes all connections."""
        await self._transport.aclose()

    def _arguments(self, request: ModelRequest) -> dict[str, Any]:
        arguments: dict[str, Any] = {
            "model": f"{self._provider}/{request.model}",
            "messages": with_cache_points(self._provider, request),
            "stream": True,
            "stream_options": {"include_usage": True},
            "timeout": request.request_timeout,
            "num_retries": 0,
            "max_retries": 0,
            "_skip_mcp_handler": True,  # else it looks for MCP servers among the tools, with packages we do without
            **self._fixed,
        }
        if request.reasoning_effort and self._may_reason(request):
            arguments["reasoning_effort"] = request.reasoning_effort  # which Claude does at its own temperature only
        elif request.temperature is not None:
            arguments["temperature"] = request.temperature
        if request.max_tokens is not None:
            arguments["max_tokens"] = request.max_tokens
        if request.tools:
            arguments |= {"tools": copied(request.tools), "tool_choice": copied(request.tool_choice)}
        if request.request_id:
            arguments["extra_headers"] = {"idempotency-key": request.request_id, "x-request-id": request.request_id}
        return arguments

    def _may_reason(self, request: ModelRequest) -> bool:
        """Claude can not begin to think between a call and its answer: its earlier thoughts would have to be there."""
        return request.messages[-1].get("role") == "user" or not wants_cache_points(self._provider, request.model)


def _fixed(api_key: str | None, api_base: str | None) -> dict[str, str]:
    return {name: value for name, value in (("api_key", api_key), ("api_base", api_base)) if value}


def _told(exchange: Exchange, kind: ErrorType | None, error: Exception) -> ModelError:
    """What went wrong: as the provider said it, and by litellm's class where that knows more, or nothing was said."""
    failure = exchange.failure
    if failure is None and (said := exchange.last_words()) is not None:
        failure = classify(said)
    if failure is None:
        return of_type(kind or ErrorType.LLM, str(error) if kind else "")
    if kind in _SPECIFIC and failure.error_type in _UNSPECIFIC:
        return ModelError(kind, failure.message, status=failure.status)
    return failure


async def _finish(library: Library, chunks: AsyncIterator[Any] | None) -> None:
    """Lets litellm's generators come to their end, now that there is nothing more to read, so that none is left."""
    if chunks is not None:
        with suppress(*library.failures):
            async for _ in chunks:
                pass
