"""A key server as identity providers run one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class IdentityProvider:
    url: str

    @property
    def issuer(self) -> str:
        return f"{self.url}/auth/v1"


@asynccontextmanager
async def open_identity_provider(keys: list[dict[str, Any]]) -> AsyncIterator[IdentityProvider]:
    """Serves the keys at /auth/v1/.well-known/jwks.json and 404 elsewhere."""
    body = json.dumps({"keys": keys}).encode()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = (await reader.readuntil(b"\r\n\r\n")).split(b" ")[1]
        found = asked == b"/auth/v1/.well-known/jwks.json"
        head = f"HTTP/1.1 {'200 OK' if found else '404 Not Found'}\r\ncontent-length: {len(body) if found else 0}\r\n"
        writer.write(f"{head}connection: close\r\n\r\n".encode() + (body if found else b""))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield IdentityProvider(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
