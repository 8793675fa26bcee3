"""One connection to Redis, for the two hot paths: append per token, read per token.

The general client spends about 95 us of CPU per command; this protocol over the same C parser spends about 35,
pipelines what several runs send in one turn of the loop, and answers in the order of the calls. Everything else in this
service uses the kit's client.
"""

from __future__ import annotations

import asyncio
import random
import re
import ssl
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import hiredis
from redis.asyncio.connection import parse_url

from services.agent.stream.ports import WireDown
from services.kit.pauses import Jitter, Pauses

Argument = str | bytes | int
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.02, 0.5
"""Between tries to connect."""
_PATIENCE_S = 2.0
"""What is overdue so long ends the connection, for all runs: a hiccup must not. Who can not wait stops waiting before,
and the connection stays."""
# A Redis that answers so, to a command or within a script, is as good as away: it starts, fails over, or takes nothing.
_AWAY = re.compile(r"(?:^|-)(?:LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|OOM|MISCONF|NOREPLICAS)\b")


class Refused(Exception):
    """Redis answered with an error; the text is its own."""


class Connection(asyncio.Protocol):
    """Calls whose replies come in their order. A reply that is overdue ends the connection."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._reader = hiredis.Reader()
        self._transport: asyncio.Transport | None = None
        self._pending: deque[tuple[float, asyncio.Future[Any]]] = deque()
        self._watch: asyncio.TimerHandle | None = None
        self.closed: asyncio.Future[None] = self._loop.create_future()

    def call(self, *arguments: Argument, within_s: float = _PATIENCE_S) -> asyncio.Future[Any]:
        """Sends a command at once. The future resolves to the reply, or raises Refused or WireDown."""
        future: asyncio.Future[Any] = self._loop.create_future()
        if self._transport is None or self._transport.is_closing():
            future.set_exception(WireDown())
            return future
        self._pending.append((self._loop.time() + within_s, future))
        self._transport.write(hiredis.pack_command(arguments))  # type: ignore[arg-type]  # its stub allows one argument
        if self._watch is None:
            self._watch = self._loop.call_later(within_s, self._check)
        return future

    def close(self) -> None:
        """Ends it now; calls under way raise WireDown."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop has classes of its own

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        while (reply := self._reader.gets()) is not False:
            _, future = self._pending.popleft()
            if future.done():
                continue
            if isinstance(reply, hiredis.ReplyError):
                text = str(reply)
                future.set_exception(WireDown(text) if _AWAY.search(text) else Refused(text))
            else:
                future.set_result(reply)

    def connection_lost(self, _error: Exception | None) -> None:
        if self._watch is not None:
            self._watch.cancel()
        while self._pending:
            _, future = self._pending.popleft()
            if not future.done():
                future.set_exception(WireDown())
        if not self.closed.done():
            self.closed.set_result(None)

    def _check(self) -> None:
        self._watch = None
        if not self._pending:
            return
        deadline, _ = self._pending[0]
        if deadline <= self._loop.time():
            self.close()
        else:
            self._watch = self._loop.call_at(deadline, self._check)


async def connect(url: str) -> Connection:
    """A connection that has logged in, and whose Redis answers: one that hangs is away. Raises WireDown."""
    options: dict[str, Any] = dict(parse_url(url))
    try:
        async with asyncio.timeout(_PATIENCE_S):
            connection = await _dial(url, options)
            await _log_in(connection, options)
    except (OSError, TimeoutError) as away:
        raise WireDown from away
    return connection


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Connection]:
    """A connection of one's own, for blocking reads. Raises WireDown."""
    connection = await connect(url)
    try:
        yield connection
    finally:
        connection.close()


async def _dial(url: str, options: dict[str, Any]) -> Connection:
    loop = asyncio.get_running_loop()
    if path := options.get("path"):
        _, connection = await loop.create_unix_connection(Connection, path)
        return connection
    tls = ssl.create_default_context(cafile=options.get("ssl_ca_certs")) if url.startswith("rediss:") else None
    host, port = options.get("host", "localhost"), options.get("port", 6379)
    _, connection = await loop.create_connection(Connection, host, port, ssl=tls)
    return connection


async def _log_in(connection: Connection, options: dict[str, Any]) -> None:
    try:
        if password := options.get("password"):
            user = options.get("username")
            await connection.call("AUTH", *([user] if user else []), password)
        if database := options.get("db"):
            await connection.call("SELECT", database)
        await connection.call("PING")
    except BaseException:
        connection.close()
        raise


class Wire:
    """A connection shared by all runs of a process, and made again whenever it is lost."""

    def __init__(self, url: str, jitter: Jitter = random.uniform) -> None:
        self.url = url
        self._pauses = Pauses(FIRST_PAUSE_S, LONGEST_PAUSE_S, jitter)
        self._connection: Connection | None = None

    def call(self, *arguments: Argument) -> asyncio.Future[Any]:
        """As Connection.call; raises WireDown at once while there is no connection."""
        if self._connection is None:
            future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
            future.set_exception(WireDown())
            return future
        return self._connection.call(*arguments)

    async def run(self) -> None:
        """Keeps connected until cancelled."""
        while True:
            try:
                async with connected(self.url) as self._connection:
                    self._pauses.reset()
                    await self._connection.closed
            except WireDown:
                pass
            finally:
                self._connection = None
            await asyncio.sleep(self._pauses.next())
