"""One HTTP/1.1 connection on the event loop, spoken by h11.

A body is read as the network brought it: whatever is there is one piece. An exchange ends in one of two ways: `release`
keeps the connection, and drains in the background what is left of a message that nobody waits for; `abort` closes the
socket at once.
"""

from __future__ import annotations

import asyncio
from typing import Any, Protocol, cast

import h11
import httpx

_HIGH_WATER = 1 << 20
_DRAIN_SECONDS = 1.0


class Pool(Protocol):
    """Who keeps connections."""

    def idle(self, connection: Connection) -> None:
        """The connection may be used again."""

    def lost(self, connection: Connection) -> None:
        """The connection is gone."""


class Connection(asyncio.Protocol):
    """One socket and the HTTP that is spoken on it; one exchange at a time. It tells its pool when it has none."""

    def __init__(self, pool: Pool) -> None:
        self._loop = asyncio.get_running_loop()
        self._http = h11.Connection(h11.CLIENT)
        self._pool = pool
        self._transport: asyncio.Transport | None = None
        self._received: list[bytes] = []
        self._received_bytes = 0
        self._waiter: asyncio.Future[None] | None = None
        self._watchdog: asyncio.TimerHandle | None = None
        self._silent_until = 0.0
        self._drain_timer: asyncio.TimerHandle | None = None
        self._over = True
        self._paused = False
        self._lost: Exception | None = None
        self.closed = False
        self._idle_since = 0.0

    # -- what the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name

    def data_received(self, data: bytes) -> None:
        if self._over:
            self.abort()  # nobody asked: the server is out of step
            return
        self._received.append(data)
        self._received_bytes += len(data)
        if self._drain_timer is not None:
            self._drain()
        elif self._received_bytes > _HIGH_WATER and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        self._lost = exc
        for timer in (self._drain_timer, self._watchdog):
            if timer is not None:
                timer.cancel()
        self._pool.lost(self)
        self._wake()

    # -- what an exchange calls

    def send(self, request: httpx.Request, body: bytes) -> None:
        """Writes the request whole."""
        assert self._transport is not None
        self._over = False
        try:
            head = h11.Request(method=request.method, target=request.url.raw_path, headers=request.headers.raw)
        except h11.LocalProtocolError:
            # Its text quotes the header, and that may be the key.
            raise httpx.LocalProtocolError("a header of the request has an illegal character") from None
        pieces = (self._http.send(head), self._http.send(h11.Data(data=body)), self._http.send(h11.EndOfMessage()))
        self._transport.write(b"".join(piece for piece in pieces if piece))

    async def head(self, timeout: float) -> h11.Response:
        """Waits for status and headers."""
        while True:
            event = self._next_event()
            if isinstance(event, h11.Response):
                return event
            if event is h11.NEED_DATA:
                await self._more(timeout)

    async def read(self, timeout: float) -> bytes:
        """Waits for the next piece of the body, all that is there; empty at its end."""
        while not (piece := self._parsed()) and not self._over:
            await self._more(timeout)
        return piece

    def release(self) -> None:
        """Nothing more is wanted of this exchange: the connection is idle once its end has come."""
        if self.closed:
            return
        if self._over:
            self._recycle()
        else:
            self._drain_timer = self._loop.call_later(_DRAIN_SECONDS, self.abort)
            self._drain()

    def abort(self) -> None:
        """Closes the socket at once, without a word to the server."""
        if not self.closed and self._transport is not None:
            self.closed = True
            self._transport.abort()

    def idle_for(self, seconds: float) -> bool:
        """Whether the last exchange ended longer ago."""
        return self._loop.time() - self._idle_since > seconds

    # -- inside

    def _drain(self) -> None:
        try:
            self._hand_over()
            self._parsed()
        except httpx.TransportError:
            self.abort()
        if self._over and self._drain_timer is not None:
            self._drain_timer.cancel()
            self._drain_timer = None
            self._recycle()

    def _recycle(self) -> None:
        done = self._http.our_state is self._http.their_state is h11.DONE
        if not done or self._received or self._http.trailing_data[0]:
            self.abort()
            return
        self._http.start_next_cycle()
        self._idle_since = self._loop.time()
        self._pool.idle(self)

    def _parsed(self) -> bytes:
        pieces: list[bytes] = []
        while not self._over:
            try:
                event = self._next_event()
            except httpx.RemoteProtocolError:
                if pieces:
                    break  # h11 says it again to the next reader
                raise
            if isinstance(event, h11.Data):
                pieces.append(event.data)
            elif isinstance(event, h11.EndOfMessage):
                self._over = True
            elif event is h11.NEED_DATA:
                break
        return b"".join(pieces)

    def _next_event(self) -> Any:
        try:
            return self._http.next_event()
        except h11.RemoteProtocolError as error:
            raise httpx.RemoteProtocolError(str(error)) from error

    async def _more(self, timeout: float) -> None:
        if not self._received and not self.closed:
            waiter = self._waiter = self._loop.create_future()
            self._watch(timeout)
            try:
                await waiter
            finally:
                self._waiter = None
        self._hand_over()

    def _watch(self, timeout: float) -> None:
        """Sees to it that the waiter does not wait longer; one timer serves many waits, since most are short."""
        self._silent_until = self._loop.time() + timeout
        if self._watchdog is not None and self._watchdog.when() > self._silent_until:
            self._watchdog.cancel()
            self._watchdog = None
        if self._watchdog is None:
            self._watchdog = self._loop.call_at(self._silent_until, self._bark)

    def _bark(self) -> None:
        self._watchdog = None
        if self._waiter is None or self._waiter.done():
            return
        if self._loop.time() >= self._silent_until:
            self._waiter.set_exception(httpx.ReadTimeout("the server was silent for too long"))
        else:
            self._watchdog = self._loop.call_at(self._silent_until, self._bark)

    def _hand_over(self) -> None:
        if not self._received and self.closed:
            if self._lost is not None:
                raise httpx.ReadError(str(self._lost)) from self._lost
            self._http.receive_data(b"")
            return
        if self._received:
            self._http.receive_data(b"".join(self._received))
            self._received.clear()
            self._received_bytes = 0
        if self._paused and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
