"""The adapter for every server that speaks OpenAI's chat completions: OpenAI, OpenRouter, vLLM, Ollama, Groq and most.

It asks once and reads on. Everything that costs per token lives in `connection`, `sse` and `answer`.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Mapping
from email.utils import parsedate_to_datetime
from types import MappingProxyType

import httpx

from services.agent.llm.answer import Answer, Limits
from services.agent.llm.classify import classify, of_type, read_body
from services.agent.llm.errors import ErrorType, ModelError, cut_off, timed_out, unreachable
from services.agent.llm.payload import STREAM_OPTIONS, encode, refused_parameter
from services.agent.llm.port import ModelEvent, ModelRequest
from services.agent.llm.transport import StreamTransport

_MAX_ERROR_BYTES = 64 << 10
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
        answer = Answer(request, self._limits, streamed=_media_type(response) != "application/json")
        broken: ModelError | None = None
        try:
            async for read in _body(response):
                if events := answer.feed(read):
                    yield events
                if answer.over:
                    break
                self._check(deadline)
        except httpx.TransportError as error:
            broken = _connection_error(error)
        except ModelError as error:
            broken = error
        finally:
            await _leave(response, keep=answer.over and answer.error is None)
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
            if response.status_code == 200 and _media_type(response) != "text/html":
                return response
            body = await _error_body(response)
            refused = refused_parameter(response.status_code, body)
            if refused is None or refused in rejected:
                raise _refusal(response, body)
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
            raise _connection_error(error) from error

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


def _body(response: httpx.Response) -> AsyncIterable[bytes]:
    assert isinstance(response.stream, httpx.AsyncByteStream)
    return response.stream


def _media_type(response: httpx.Response) -> str:
    declared: str = response.headers.get("content-type", "")
    return declared.partition(";")[0].strip().lower()


async def _leave(response: httpx.Response, *, keep: bool) -> None:
    release: Callable[[], None] | None = response.extensions.get("release")
    if keep and release is not None:
        release()
    else:
        await response.aclose()


async def _error_body(response: httpx.Response) -> bytes:
    body = bytearray()
    try:
        async for read in _body(response):
            body += read
            if len(body) > _MAX_ERROR_BYTES:
                break
    except httpx.TransportError:
        return bytes(body)  # the status says enough
    finally:
        await _leave(response, keep=len(body) <= _MAX_ERROR_BYTES)
    return bytes(body)


def _refusal(response: httpx.Response, body: bytes) -> ModelError:
    status = response.status_code
    if status < 400:
        found = "a web page; does the base URL end in /v1?" if status == 200 else "a redirect; is the base URL final?"
        return of_type(ErrorType.NOT_FOUND, f"it answered with {found}", status)
    return classify(read_body(body), status, _retry_after(response.headers))


def _retry_after(headers: httpx.Headers) -> float | None:
    """Seconds to wait, from milliseconds, seconds or a date; a date is read against the server's own clock."""
    try:
        if milliseconds := headers.get("retry-after-ms"):
            return max(0.0, float(milliseconds) / 1000)
        wish = headers.get("retry-after", "")
        if wish and wish[0].isalpha():
            until, now = parsedate_to_datetime(wish), parsedate_to_datetime(headers["date"])
            return max(0.0, (until - now).total_seconds())
        return max(0.0, float(wish)) if wish else None
    except (ValueError, KeyError, TypeError):
        return None


def _connection_error(error: httpx.TransportError) -> ModelError:
    if isinstance(error, httpx.ConnectTimeout | httpx.ConnectError):
        return unreachable("The model provider could not be reached.")
    if isinstance(error, httpx.TimeoutException):
        return timed_out("The model provider was silent for too long.")
    return cut_off("The connection to the model provider broke off.")
