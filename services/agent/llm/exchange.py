"""One call's HTTP beneath a library that does HTTP of its own.

The library is handed a client whose every byte comes through here. So its connections are ours: closed when a run
stops, silent no longer than allowed, never opened a second time behind our back. And what the provider really said,
status and words, is still there when the library has told it in other words.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import orjson

from services.agent.llm.classify import ProviderError, read_error
from services.agent.llm.errors import ModelError, cut_off
from services.agent.llm.refusal import body_of, connection_error, error_body, leave, refusal

_MAX_BYTES = 64 << 20
_TAIL_BYTES = 16 << 10


class Exchange:
    """What one call sends and hears. `silence` bounds each wait for the provider, in seconds."""

    def __init__(self, transport: httpx.AsyncBaseTransport, silence: float) -> None:
        self._transport = transport
        self._timeout = dict.fromkeys(("connect", "read", "write", "pool"), silence)
        self._response: httpx.Response | None = None
        self._heard = 0
        self._tail = b""
        self.ended = False
        self.failure: ModelError | None = None
        """What HTTP says went wrong."""

    async def send(self, request: httpx.Request) -> httpx.Response:
        """What the library's client does with a request. Raises httpx's transport errors."""
        request.extensions = {**request.extensions, "timeout": self._timeout}
        request.headers["accept-encoding"] = "identity"  # the words of an error must be legible
        self.failure = None
        try:
            response = await self._transport.handle_async_request(request)
        except httpx.TransportError as error:
            self.failure = connection_error(error)
            raise
        if response.status_code >= 300:
            body = await error_body(response)
            self.failure = refusal(response, body)
            return httpx.Response(response.status_code, headers=response.headers, content=body)
        self._response = response
        return httpx.Response(response.status_code, headers=response.headers, stream=_Body(self, response))

    async def leave(self, *, keep: bool) -> None:
        """Ends it: whatever the library still reads of it is over. `keep` the connection for the next call."""
        self.ended = True
        if self._response is not None:
            await leave(self._response, keep=keep)

    def note(self, read: bytes) -> None:
        """Remembers the end of what was heard. Raises httpx.ReadError where it is too much."""
        self._heard += len(read)
        if self._heard > _MAX_BYTES:
            self.failure = cut_off("The model's answer was too long.")
            raise httpx.ReadError("too long")
        self._tail = (self._tail + read)[-_TAIL_BYTES:]

    def last_words(self) -> ProviderError | None:
        """The error that the stream ended with, where it ended with one."""
        for line in reversed(self._tail.splitlines()):
            if line.startswith(b"data:"):
                return _error_in(line[5:])
        return None


class _Body(httpx.AsyncByteStream):
    def __init__(self, exchange: Exchange, response: httpx.Response) -> None:
        self._exchange = exchange
        self._reads = aiter(body_of(response))

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self._exchange.ended:
            raise StopAsyncIteration
        try:
            read = await anext(self._reads)
        except httpx.TransportError as error:
            self._exchange.failure = connection_error(error)
            raise
        self._exchange.note(read)
        return read


def _error_in(payload: bytes) -> ProviderError | None:
    try:
        return read_error(orjson.loads(payload))
    except orjson.JSONDecodeError:
        return None
