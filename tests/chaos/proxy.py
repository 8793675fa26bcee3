"""One wire between two parts, as a TCP proxy that can be cut, stalled, half open, or slow.

cut: every connection is reset, and new ones are refused. stall: nothing passes, either way, and nobody is told.
half: what the server says is lost in silence, what the client says arrives. slow: bytes trickle, late.
What a mode did to what came by is counted: a wire that nobody used was bent for nothing.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Literal

Mode = Literal["pass", "cut", "stall", "half", "slow"]

_CHUNK = 64 * 1024
_SLOW_CHUNK = 512
_SLOW_PAUSE_S = 0.02


@dataclass(frozen=True)
class Address:
    """host and port, or the path of a UNIX socket."""

    host: str = ""
    port: int = 0
    path: str = ""


class Wire:
    """Listens on a port of its own for each address that the server may have; `client` and `server` name the parts."""

    def __init__(self, client: str, server: str, *upstreams: Address) -> None:
        self.client = client
        self.server = server
        self.harm = 0
        """Connections reset, refused or kept waiting, and pieces of data withheld, lost or slowed since it was bent."""
        self.ports: list[int] = []
        self._upstreams = upstreams
        self._mode: Mode = "pass"
        self._flows = asyncio.Event()
        self._flows.set()
        self._connections: set[asyncio.Task[None]] = set()
        self._sockets: set[asyncio.StreamWriter] = set()
        self._listeners: list[asyncio.Server] = []
        self._carried = 0
        self._reached: set[Address] = set()
        """Addresses at which somebody listened the last time: that others refuse is not of our doing."""
        self.held = asyncio.Lock()
        """Of who wants it in another mode: one at a time."""

    async def open(self) -> Wire:
        """Begins to listen."""
        for upstream in self._upstreams:
            listener = await asyncio.start_server(partial(self._accept, upstream), "127.0.0.1", 0)
            self._listeners.append(listener)
            self.ports.append(listener.sockets[0].getsockname()[1])
        return self

    async def close(self) -> None:
        """Ends every connection."""
        for listener in self._listeners:
            listener.close()
        self._reset()
        await asyncio.gather(*self._connections, return_exceptions=True)

    @asynccontextmanager
    async def bent(self, mode: Mode) -> AsyncIterator[None]:
        """It is in this mode meanwhile; who wants it otherwise at that time waits."""
        async with self.held:
            with self.in_mode(mode):
                yield

    @contextmanager
    def in_mode(self, mode: Mode) -> Iterator[None]:
        """The same for who holds it. Counts its harm anew."""
        self.harm = 0
        self.set(mode)
        try:
            yield
        finally:
            self.set("pass")

    def set(self, mode: Mode) -> None:
        """Changes how it is; a wire that was half open is cut when it is mended, as what was lost can not be found."""
        if mode == "cut":
            self.harm += self._carried
        if self._mode == "half" or mode == "cut":
            self._reset()
        self._mode = mode
        if mode == "stall":
            self._flows.clear()
        else:
            self._flows.set()

    def _reset(self) -> None:
        for writer in list(self._sockets):
            with suppress(OSError):
                peer = writer.get_extra_info("socket")
                if peer.family != socket.AF_UNIX:
                    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()

    async def _accept(self, upstream: Address, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        self._sockets.add(writer)
        try:
            if self._mode in ("cut", "stall"):
                self.harm += upstream in self._reached
            if self._mode == "cut":
                self._reset()
                return
            with suppress(OSError):
                await self._carry(upstream, reader, writer)
        finally:
            self._connections.discard(task)
            self._sockets.discard(writer)
            writer.close()

    async def _carry(self, upstream: Address, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._flows.wait()
        self._reached.discard(upstream)
        there, back = await _connect(upstream)
        self._reached.add(upstream)
        self._sockets.add(back)
        self._carried += 1
        try:
            await asyncio.gather(self._pump(reader, back, "client"), self._pump(there, writer, "server"))
        finally:
            self._carried -= 1
            self._sockets.discard(back)
            back.close()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, speaker: str) -> None:
        """Carries one direction to its end; the other side hears of the end as well."""
        try:
            while data := await source.read(_SLOW_CHUNK if self._mode == "slow" else _CHUNK):
                if not self._flows.is_set():
                    self.harm += 1
                    await self._flows.wait()
                if self._mode == "slow":
                    self.harm += 1
                    await asyncio.sleep(_SLOW_PAUSE_S)
                if self._mode == "half" and speaker == "server":
                    self.harm += 1
                    continue
                sink.write(data)
                await sink.drain()
            with suppress(OSError, RuntimeError):
                sink.write_eof()
        except OSError:
            sink.transport.abort()


async def _connect(upstream: Address) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if upstream.path:
        return await asyncio.open_unix_connection(upstream.path)
    return await asyncio.open_connection(upstream.host, upstream.port)
