"""Large files through the whole mesh: how fast, and what memory they cost on the way."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Iterator
from uuid import uuid4

from tests.bench.load import Client, connected
from tests.bench.memory import peaks
from tests.bench.report import Row
from tests.bench.scenes import Bench

_PIECE = bytes(range(256)) * 4096
_MIB = 2**20
SIZE_MIB = 100
_WARM_MIB = 8
_STUCK_S = 2.0
_PIECE_BYTES = 64 * 1024
MOST_GROWTH_MIB = 24.0
ON_THE_WAY = ("envoy", "edge", "sandbox")


async def files(bench: Bench) -> list[Row]:
    """100 MB up, down, and down to somebody who does not read, with the growth of each process on the way."""
    bearer = bench.mesh.token()
    async with connected(bench.mesh.port, bearer) as client:
        client.request("POST", "/v1/threads", b"{}")
        project = str((await client.json())["project_id"])
        await download(client, project, await upload(client, project, _WARM_MIB))
        with peaks(bench.mesh, ON_THE_WAY) as up:
            began = time.monotonic()
            path = await upload(client, project, SIZE_MIB)
            up_s = time.monotonic() - began
        with peaks(bench.mesh, ON_THE_WAY) as down:
            began = time.monotonic()
            await download(client, project, path)
            down_s = time.monotonic() - began
    with peaks(bench.mesh, ON_THE_WAY) as stuck:
        await _ask_and_not_read(bench.mesh.port, bearer, project, path)
    return [
        Row(f"upload of {SIZE_MIB} MB", SIZE_MIB / up_s, "MB/s"),
        *_flat("upload", up),
        Row(f"download of {SIZE_MIB} MB", SIZE_MIB / down_s, "MB/s"),
        *_flat("download", down),
        *_flat("download that nobody reads", stuck),
    ]


def _flat(way: str, grown: dict[str, float]) -> Iterator[Row]:
    for part, mib in grown.items():
        name = f"{way} of {SIZE_MIB} MB, growth of {part} at its peak"
        yield Row(name, mib, "MiB", asked=f"< {MOST_GROWTH_MIB:g}", met=mib < MOST_GROWTH_MIB)


async def _ask_and_not_read(port: int, bearer: str, project: str, path: str) -> None:
    async with connected(port, bearer, limit=_PIECE_BYTES) as client:
        client.request("GET", f"/v1/sandbox/{project}/files/download?path={path}")
        await client.head()
        await asyncio.sleep(_STUCK_S)  # what is not held back by then would be in somebody's memory


async def upload(client: Client, project: str, size_mib: int) -> str:
    """A file of so many MiB into the project; its path."""
    begins = (
        f'--b\r\nContent-Disposition: form-data; name="path"\r\n\r\n/workspace/{uuid4()}\r\n'
        '--b\r\nContent-Disposition: form-data; name="file"; filename="large.bin"\r\n\r\n'
    ).encode()
    ends = b"\r\n--b--\r\n"
    client.writer.write(
        f"POST /v1/project/{project}/files HTTP/1.1\r\nHost: {client.host}\r\n"
        f"Authorization: Bearer {client.bearer}\r\nContent-Type: multipart/form-data; boundary=b\r\n"
        f"Content-Length: {len(begins) + size_mib * _MIB + len(ends)}\r\n\r\n".encode()
        + begins
    )
    for _ in range(size_mib):
        client.writer.write(_PIECE)
        await client.writer.drain()
    client.writer.write(ends)
    stored = await client.json()
    return str(stored["path"])


async def download(client: Client, project: str, path: str) -> int:
    """Reads a file that `upload` made; its size in bytes. AssertionError where it is another."""
    client.request("GET", f"/v1/sandbox/{project}/files/download?path={path}")
    status, _ = await client.head()
    assert status == 200, status
    size, told, expected = 0, hashlib.sha256(), hashlib.sha256()
    async for piece, _ in client.pieces():
        size += len(piece)
        told.update(piece)
    for _ in range(size // _MIB):
        expected.update(_PIECE)
    assert told.digest() == expected.digest()
    return size
