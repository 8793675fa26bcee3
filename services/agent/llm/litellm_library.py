"""litellm, and nothing of it beside what an adapter needs: the one file that imports it.

Importing it takes seconds of CPU and 150 MB, so it happens in a thread, when the first model that needs it is asked
for (or is about to be). It is used for what only it knows, how each provider wants to be asked and what its chunks
mean, and kept from all else: its HTTP goes through an `Exchange`, its retries, logging, caches and telemetry are off,
and nothing is fetched when it is imported.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpx

from services.agent.llm.errors import ErrorType
from services.agent.llm.exchange import Exchange
from services.kit.config import offer_to_libraries

_SWITCHES = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS": "True",
    "EXPERIMENTAL_OPENAI_BASE_LLM_HTTP_HANDLER": "True",  # OpenAI's SDK is dearer, and leaves generators open
    "LITELLM_MODE": "PRODUCTION",  # else it reads .env by itself
}
_LOADING = threading.Lock()
_exchange: ContextVar[Exchange] = ContextVar("exchange")

# The most specific first: they inherit from each other.
_KINDS = (
    ("ContextWindowExceededError", ErrorType.CONTEXT_WINDOW_EXCEEDED),
    ("ContentPolicyViolationError", ErrorType.CONTENT_POLICY),
    ("BudgetExceededError", ErrorType.BUDGET_EXCEEDED),
    ("AuthenticationError", ErrorType.AUTHENTICATION),
    ("PermissionDeniedError", ErrorType.AUTHENTICATION),
    ("NotFoundError", ErrorType.MODEL_NOT_SUPPORTED),
    ("RateLimitError", ErrorType.RATE_LIMIT),
    ("Timeout", ErrorType.SERVICE_UNAVAILABLE),
    ("ServiceUnavailableError", ErrorType.SERVICE_UNAVAILABLE),
    ("BadGatewayError", ErrorType.SERVICE_UNAVAILABLE),
    ("InternalServerError", ErrorType.API),
    ("BadRequestError", ErrorType.INVALID_REQUEST),
    ("UnprocessableEntityError", ErrorType.INVALID_REQUEST),
)


class _Current(httpx.AsyncBaseTransport):
    """Where every request goes: to the exchange of the call that it belongs to."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await _exchange.get().send(request)


@dataclass(frozen=True, slots=True)
class Library:
    """The loaded library. `failures` is all that a call of it may raise: its parsers raise what parsers raise."""

    litellm: Any
    failures: tuple[type[Exception], ...]

    async def open(self, exchange: Exchange, arguments: dict[str, Any]) -> AsyncIterator[Any]:
        """Asks a model over the exchange; the chunks of its answer, as the provider's own part of litellm made them.

        What litellm would put around them (rules, logging, a rebuilt answer whose tokens are counted again, tasks of
        its own) costs several times what they do.
        """
        own = _exchange.set(exchange)
        try:
            answer = await self.litellm.acompletion(**arguments)
            stream = answer.completion_stream or await answer.fetch_stream()
        finally:
            _exchange.reset(own)
        return aiter(stream)

    def kind_of(self, error: Exception, provider: str) -> ErrorType | None:
        """The class that litellm gives to what a call of a provider raised, None where it gives none."""
        try:
            self.litellm.exception_type(model="", original_exception=error, custom_llm_provider=provider)
        except self.failures as mapped:
            error = mapped
        return next((kind for name, kind in _KINDS if isinstance(error, getattr(self.litellm, name))), None)


async def load() -> Library:
    """The library; the first call of a process takes seconds, in a thread."""
    return _import() if _import.cache_info().currsize else await asyncio.to_thread(_loaded)


async def warm() -> None:
    """Loads it ahead of its first use."""
    await load()


def _loaded() -> Library:
    with _LOADING:
        return _import()


@cache
def _import() -> Library:
    offer_to_libraries(**_SWITCHES)
    import litellm
    import openai
    from litellm.llms.base_llm.chat.transformation import BaseLLMException

    logging.getLogger("LiteLLM").setLevel(logging.CRITICAL + 1)  # what it logs are payloads
    litellm.suppress_debug_info = True
    litellm.drop_params = True
    litellm.num_retries = 0
    litellm.telemetry = False
    _take_over_http(litellm)
    _mend_gemini()
    failures = (
        openai.OpenAIError, BaseLLMException, httpx.HTTPError, httpx.StreamError,
        RuntimeError, ValueError, LookupError, TypeError, AttributeError,
    )  # fmt: skip
    return Library(litellm, failures)


def _take_over_http(litellm: Any) -> None:
    """Sees to it that every client that litellm would make or keep is ours."""
    from litellm.caching.llm_caching_handler import LLMClientCache
    from litellm.llms.custom_httpx.http_handler import AsyncHTTPHandler

    class Handler(AsyncHTTPHandler):  # type: ignore[misc]
        """Asks once: the original asks again on a connection of its own when one breaks."""

        async def post(self, url: str, data: Any = None, content: Any = None, **rest: Any) -> httpx.Response:
            sent = {key: rest[key] for key in ("json", "params", "headers", "files") if rest.get(key) is not None}
            if isinstance(data, str | bytes):
                data, content = None, data
            request = self.client.build_request("POST", url, data=data, content=content, **sent)
            response: httpx.Response = await self.client.send(request, stream=rest.get("stream", False))
            response.raise_for_status()
            return response

    class Clients(LLMClientCache):  # type: ignore[misc]
        """The cache that every provider's part asks for its client."""

        def get_cache(self, key: str, **rest: Any) -> Any:
            return handler if key.startswith("async_httpx_client") else super().get_cache(key, **rest)

    handler = Handler(transport=_Current())
    litellm.in_memory_llm_clients_cache = Clients()
    litellm.module_level_aclient = handler
    litellm.aclient_session = handler.client


def _mend_gemini() -> None:
    """Every piece of a Gemini stream is said to end it: only one that the provider ended with does."""
    from litellm.llms.vertex_ai.gemini.vertex_and_google_ai_studio_gemini import VertexGeminiConfig

    made = VertexGeminiConfig._create_streaming_choice

    def mended(*, candidate: Any, **rest: Any) -> Any:
        choice = made(candidate=candidate, **rest)
        if not candidate.get("finishReason"):
            choice.finish_reason = None
        return choice

    VertexGeminiConfig._create_streaming_choice = staticmethod(mended)
