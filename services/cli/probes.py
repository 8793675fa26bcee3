"""Asks a part whether it is healthy. Where and how is one address, so that it can be kept in the state file.

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

import grpc
import httpx
from grpc_health.v1 import health_pb2, health_pb2_grpc

_OWN_CONNECTION = (("grpc.use_local_subchannel_pool", 1),)  # a shared one would remember the failures before


async def healthy(address: str, timeout: float = 2.0) -> bool:
    """Whether the part at this address says that it is well, within `timeout` seconds."""
    try:
        async with asyncio.timeout(timeout):
            return await _PROBES[urlsplit(address).scheme](address)
    except (OSError, TimeoutError, grpc.aio.AioRpcError, httpx.HTTPError):
        return False


async def _grpc(address: str) -> bool:
    where = urlsplit(address)
    await _connects(str(where.hostname), int(where.port or 0))
    async with grpc.aio.insecure_channel(where.netloc, options=_OWN_CONNECTION) as channel:
        answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


async def _connects(host: str, port: int) -> None:
    """Cheaper than a channel while nobody listens."""
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
