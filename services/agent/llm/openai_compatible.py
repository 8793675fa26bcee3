"""The adapter for every server that speaks OpenAI's chat completions: OpenAI, OpenRouter, vLLM, Ollama, Groq and most.

It asks once and reads on. Everything that costs per token lives in `connection`, `sse` and `answer`.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Mapping
from types import MappingProxyType

import httpx

from services.agent.llm.answer import Answer, Limits
from services.agent.llm.errors import ModelError, timed_out
from services.agent.llm.payload import STREAM_OPTIONS, encode, refused_parameter
from services.agent.llm.port import ModelEvent, ModelRequest
from services.agent.llm.refusal import body_of, connection_error, error_body, leave, media_type, refusal
from services.agent.llm.transport import StreamTransport

_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class OpenAiCompatible:
    """A model port over one base URL.

    `base_url` ends before `/chat/completions`; `headers` go with every request; `clock` counts seconds. What the server
    was found to reject is remembered for the life of the adapter.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str | None = None,
        *,
        headers: Mapping[str, str] = _NO_HEADERS,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
        limits: Limits | None = None,
    ) -> None:
        self._url = httpx.URL(base_url.rstrip("/") + "/chat/completions")
        self._headers = _headers(api_key, headers)
        self._transport = transport or StreamTransport()
        self._clock = clock
        self._limits = limits or Limits()
        self._rejected: defaultdict[str, frozenset[str]] = defaultdict(frozenset)

    async def stream(self, request: ModelRequest) -> AsyncGenerator[list[ModelEvent], None]:
        """Asks once and yields batches of events, as the port says."""
        deadline = self._clock() + request.request_timeout
        response = await self._open(request, deadline)
        answer = Answer(request, self._limits, streamed=media_type(response) != "application/json")
        broken: ModelError | None = None
        try:
            async for read in body_of(response):
                if events := answer.feed(read):
                    yield events
                if answer.over:
                    break
                self._check(deadline)
        except httpx.TransportError as error:
            broken = connection_error(error)
        except ModelError as error:
            broken = error
        finally:
            await leave(response, keep=answer.over and answer.error is None)
        if events := answer.close(broken):
            yield events
        if answer.error is not None:
            raise answer.error

    async def aclose(self) -> None:
        """Closes all connections."""
        await self._transport.aclose()

    async def _open(self, request: ModelRequest, deadline: float) -> httpx.Response:
        while True:
            rejected = self._rejected[""] | self._rejected[request.model]
            response = await self._send(request, encode(request, rejected))
            if response.status_code == 200 and media_type(response) != "text/html":
                return response
            body = await error_body(response)
            refused = refused_parameter(response.status_code, body)
            if refused is None or refused in rejected:
                raise refusal(response, body)
            self._rejected["" if refused == STREAM_OPTIONS else request.model] |= {refused}
            self._check(deadline)

    async def _send(self, request: ModelRequest, body: bytes) -> httpx.Response:
        headers = [*self._headers]
        if request.request_id:
            request_id = request.request_id.encode()
            headers += ((b"idempotency-key", request_id), (b"x-request-id", request_id))
        silence = min(request.stream_timeout, request.request_timeout)
        timeout = {"timeout": {"connect": silence, "read": silence, "write": silence, "pool": silence}}
        sent = httpx.Request("POST", self._url, headers=headers, content=body, extensions=timeout)
        try:
            return await self._transport.handle_async_request(sent)
        except httpx.TransportError as error:
            raise connection_error(error) from error

    def _check(self, deadline: float) -> None:
        if self._clock() > deadline:
            raise timed_out("The model took too long to answer.")


def _headers(api_key: str | None, extra: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    headers = {
        "content-type": "application/json",
        "accept": "text/event-stream, application/json",
        "accept-encoding": "identity",
        "user-agent": "agent-mesh",
    }
    if api_key:
        headers["authorization"] = f"Bearer {api_key}"
    return [(name.encode(), value.encode()) for name, value in (headers | dict(extra)).items()]
