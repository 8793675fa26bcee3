"""The server: HTTP by hand on asyncio, as little as a model's clients need, so that it costs next to nothing.

POST .../chat/completions    an answer, streamed (another protocol has another address)
GET  /_log                   what was done, call by call (`log.CallRecord`)
GET  /_log/7                 the request of call 7
DELETE /_log                 forget it
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import orjson

from services.agent.llm import script
from tests.fakes.llm.dialects import DIALECTS
from tests.fakes.llm.log import CallLog
from tests.fakes.llm.performance import Performance, failing_after, http_answer, moves
from tests.fakes.llm.protocol import OpenAiProtocol, WireProtocol

_NO_SUCH = {"error": {"message": "no such address", "type": "not_found_error", "code": None}}


@dataclass(slots=True)
class FakeLlm:
    """One server's state. `key`: the only key it takes (None: any); `flush_each`: one write per chunk."""

    key: str | None = None
    flush_each: bool = False
    protocol: WireProtocol = field(default_factory=OpenAiProtocol)
    log: CallLog = field(default_factory=CallLog)
    url: str = ""
    connections: int = 0


class Connection(asyncio.Protocol):
    """One client; requests are answered one after the other."""

    def __init__(self, fake: FakeLlm) -> None:
        self._fake = fake
        self._buffer = b""
        self._current: Performance | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._fake.connections += 1
        self._number = self._fake.connections

    def connection_lost(self, exc: Exception | None) -> None:
        if self._current is not None:
            self._current.lost()

    def pause_writing(self) -> None:
        if self._current is not None:
            self._current.block()

    def resume_writing(self) -> None:
        if self._current is not None:
            self._current.unblock()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._next_request()

    def _next_request(self) -> None:
        while self._current is None:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            first, *lines = self._buffer[:end].split(b"\r\n")
            headers = dict(line.lower().split(b":", 1) for line in lines)
            size = end + 4 + int(headers.get(b"content-length", b"0"))
            if len(self._buffer) < size:
                return
            body, self._buffer = self._buffer[end + 4 : size], self._buffer[size:]
            self._route(first, headers, body)

    def _route(self, first: bytes, headers: dict[bytes, bytes], body: bytes) -> None:
        method, target, _ = first.split(b" ", 2)
        match method, target.rpartition(b"/"):
            case b"POST", _ if target.partition(b"?")[0].endswith(self._fake.protocol.path):
                self._complete(headers, orjson.loads(body), body)
            case b"GET", (b"", _, b"_log"):
                self._answer(200, orjson.dumps(self._fake.log.calls()))
            case b"GET", (b"/_log", _, call) if (stored := self._fake.log.request(int(call))) is not None:
                self._answer(200, stored)
            case b"DELETE", (b"", _, b"_log"):
                self._fake.log.reset()
                self._answer(200, b"{}")
            case _:
                self._answer(404, orjson.dumps(_NO_SUCH))

    def _complete(self, headers: dict[bytes, bytes], request: dict[str, Any], body: bytes) -> None:
        dialect = DIALECTS.get(request["model"].rpartition(":")[2], DIALECTS["plain"])
        protocol = self._fake.protocol
        refusal = protocol.refusal(self._fake.key, headers, request, dialect)
        request_id = headers.get(b"idempotency-key", b"").strip().decode() if refusal is None else ""
        record = self._fake.log.begin(self._number, request_id, request["model"], dialect.name, body)
        if refusal is not None:
            record.status = refusal[0]
            self._answer(*refusal)
            return
        prompt = protocol.prompt(request)
        beats = script.perform(
            prompt.messages, tools=prompt.tools, attempt=record.attempt, max_tokens=prompt.max_tokens
        )
        if dialect.fails_after is not None:
            beats = failing_after(beats, dialect.fails_after)
        writer = protocol.writer(request, dialect, record.call, prompt)
        self._current = Performance(
            self._transport,
            record,
            moves(beats, writer, record),
            flush_each=self._fake.flush_each,
            on_change=self._fake.log.note,
            on_end=self._ended,
        )
        self._current.advance()

    def _ended(self) -> None:
        self._current = None
        if self._buffer:
            self._next_request()

    def _answer(self, status: int, body: bytes) -> None:
        self._transport.write(http_answer(status, body))


@asynccontextmanager
async def serving(
    fake: FakeLlm, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[FakeLlm]:
    """Serves within the block, on a free port for 0; `fake.url` is the base URL to configure."""
    server = await asyncio.get_running_loop().create_server(lambda: Connection(fake), host, port, ssl=tls)
    fake.url = f"http{'s' if tls else ''}://{host}:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield fake
    finally:
        server.close()
