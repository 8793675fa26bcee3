"""Load on a keep-alive HTTP/1.1 connection, by hand: a client that costs as little as it can."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import orjson


@dataclass
class Client:
    """One connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    host: str
    bearer: str

    def request(self, method: str, path: str, body: bytes = b"", content_type: str = "application/json") -> None:
        """Sends a request."""
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: {self.host}\r\nAuthorization: Bearer {self.bearer}\r\n"
            f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self.writer.write(head.encode() + body)

    async def head(self) -> tuple[int, dict[str, str]]:
        """Status and headers of an answer."""
        lines = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
        return int(lines[0].split()[1]), headers

    async def json(self) -> Any:
        """An answer as JSON; anything but 200 is an error."""
        status, _, body = await self.answer()
        if status != 200:
            raise RuntimeError(f"{status}: {body[:300]!r}")
        return orjson.loads(body)

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of an answer with a length or in chunks."""
        status, headers = await self.head()
        if "content-length" in headers:
            return status, headers, await self.reader.readexactly(int(headers["content-length"]))
        return status, headers, b"".join([piece async for piece, _ in self.pieces()])

    async def pieces(self) -> AsyncIterator[tuple[bytes, int]]:
        """The chunks of a chunked body, with the time in ns at which each was there."""
        while size := int(await self.reader.readline(), 16):
            data = await self.reader.readexactly(size)
            await self.reader.readexactly(2)
            yield data, time.time_ns()
        await self.reader.readline()

    async def start_run(self, model: str, prompt: str = "hello", **more: str) -> dict[str, Any]:
        """POST /v1/agent/start; the answer."""
        self.ask_to_start(model, prompt, **more)
        answer: dict[str, Any] = await self.json()
        return answer

    def ask_to_start(self, model: str, prompt: str, **more: str) -> None:
        """Sends POST /v1/agent/start."""
        fields = {"prompt": prompt, "model_name": model, **more}
        parts = "".join(
            f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields.items()
        )
        self.request("POST", "/v1/agent/start", f"{parts}--b--\r\n".encode(), "multipart/form-data; boundary=b")

    async def stream(self, run_id: str) -> AsyncIterator[tuple[bytes, int]]:
        """The pieces of a run's event stream."""
        self.request("GET", f"/v1/agent-run/{run_id}/stream")
        status, _ = await self.head()
        if status != 200:
            raise RuntimeError(f"stream: {status}")
        async for piece in self.pieces():
            yield piece


@asynccontextmanager
async def connected(port: int, bearer: str, *, limit: int = 2**22) -> AsyncIterator[Client]:
    """A connection to this machine that reads `limit` bytes ahead, or twice that."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=limit)
    try:
        yield Client(reader, writer, f"127.0.0.1:{port}", bearer)
    finally:
        writer.close()


def percentile(values: list[float], share: float) -> float:
    """The value below which that share of them lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
