"""A model server for benchmarks: each token is the time at which it was sent, in nanoseconds.

    python -m tests.bench.model_server          prints its base URL

`model` is `bench-<tokens>-<milliseconds between tokens>`; 0 sends all at once. Where so many times would be longer than
the mesh takes of one answer, each token is a digit. As little Python as it can be, so that its own rate is a fair
measure beside the mesh's.
"""

from __future__ import annotations

import asyncio
import time
from typing import cast

import orjson
import uvloop

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
_CHUNK = b'data: {"id":"b","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"%d "}}]}\n\n'
_STOP = (
    b'data: {"id":"b","object":"chat.completion.chunk","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
)
_USAGE = b'data: {"id":"b","choices":[],"usage":{"prompt_tokens":10,"completion_tokens":%d,"total_tokens":30}}\n\n'
_DONE = b"data: [DONE]\n\n"
_MOST_TIMES = 4000


def chunked(data: bytes) -> bytes:
    """One HTTP chunk."""
    return b"%x\r\n%s\r\n" % (len(data), data)


class Connection(asyncio.Protocol):
    """One client, one request after the other."""

    def __init__(self) -> None:
        self._buffer = b""
        self._tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        for task in self._tasks:
            task.cancel()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
        if len(rest) < length:
            return
        self._buffer = rest[length:]
        _, tokens, pause_ms = orjson.loads(rest[:length])["model"].split("-")
        if int(pause_ms):
            task = asyncio.get_running_loop().create_task(self._slowly(int(tokens), int(pause_ms) / 1000))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        else:
            self._transport.write(_HEAD)
            for _ in range(int(tokens)):  # one write per token, as a model has them
                self._transport.write(chunked(_CHUNK % time.time_ns()))
            self._transport.write(chunked(self._end(int(tokens))) + b"0\r\n\r\n")

    async def _slowly(self, tokens: int, pause: float) -> None:
        self._transport.write(_HEAD)
        for n in range(tokens):
            self._transport.write(chunked(_CHUNK % (n % 10 if tokens > _MOST_TIMES else time.time_ns())))
            await asyncio.sleep(pause)
        self._transport.write(chunked(self._end(tokens)) + b"0\r\n\r\n")

    @staticmethod
    def _end(tokens: int) -> bytes:
        return _STOP + _USAGE % tokens + _DONE


async def serve() -> None:
    """Serves until killed."""
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve())
