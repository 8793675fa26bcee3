"""Asks a part whether it is healthy. Where and how is one address, so that it can be kept in the state file.

gRPC is spoken by hand, one unary call over HTTP/2: the supervisor forks, and must not hold a gRPC runtime with threads.

grpc://host:port       grpc.health.v1 says SERVING for the whole server
http://host:port/path  answers 200
redis:/path            answers PING on this UNIX socket
postgres:/path?bin=…   accepts connections on the UNIX socket in this folder, says pg_isready
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import httpx
from google.protobuf.message import DecodeError
from grpc_health.v1 import health_pb2

_CHECK = "/grpc.health.v1.Health/Check"
_GRPC_HEADERS = {"content-type": "application/grpc", "te": "trailers"}
_PREFIX_BYTES = 5  # of each gRPC message: compressed or not, and its length
_EMPTY_MESSAGE = bytes(_PREFIX_BYTES)


async def healthy(address: str, timeout: float = 5.0) -> bool:
    """Whether the part at this address says that it is well, within `timeout` seconds."""
    try:
        async with asyncio.timeout(timeout):
            return await _PROBES[urlsplit(address).scheme](address)
    except (OSError, TimeoutError, httpx.HTTPError, DecodeError):
        return False


async def _grpc(address: str) -> bool:
    where = urlsplit(address)
    await _connects(str(where.hostname), int(where.port or 0))
    async with httpx.AsyncClient(http1=False, http2=True, trust_env=False) as client:
        answer = await client.post(f"http://{where.netloc}{_CHECK}", headers=_GRPC_HEADERS, content=_EMPTY_MESSAGE)
    # An error answers with trailers alone, without a message.
    found = health_pb2.HealthCheckResponse.FromString(answer.content[_PREFIX_BYTES:])
    return bool(found.status == health_pb2.HealthCheckResponse.SERVING)


async def _connects(host: str, port: int) -> None:
    """Cheaper than a request while nobody listens."""
    _, writer = await asyncio.open_connection(host, port)
    writer.close()


async def _http(address: str) -> bool:
    where = urlsplit(address)
    await _connects(str(where.hostname), int(where.port or 80))
    async with httpx.AsyncClient(trust_env=False) as client:
        return (await client.get(address)).status_code == httpx.codes.OK


async def _redis(address: str) -> bool:
    reader, writer = await asyncio.open_unix_connection(unquote(urlsplit(address).path))
    try:
        writer.write(b"PING\r\n")
        return await reader.readline() == b"+PONG\r\n"
    finally:
        writer.close()


async def _postgres(address: str) -> bool:
    where = urlsplit(address)
    folder = unquote(where.path)
    if not _has_socket(folder):
        return False
    program = parse_qs(where.query)["bin"][0] + "/pg_isready"
    ready = await asyncio.create_subprocess_exec(program, "--quiet", "--host", folder, "--username", "postgres", env={})
    return await ready.wait() == 0


def _has_socket(folder: str) -> bool:
    return Path(folder, ".s.PGSQL.5432").exists()


_PROBES: dict[str, Callable[[str], Awaitable[bool]]] = {
    "grpc": _grpc,
    "http": _http,
    "redis": _redis,
    "postgres": _postgres,
}
