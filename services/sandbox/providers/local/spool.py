"""What a process has printed, kept on disk in the order in which it came, so that every caller gets all of it.

A record is one byte for the stream, four for the length, then the bytes. Past the limit one mark is written and the
rest is dropped: the process is never made to wait for a reader.
"""

from __future__ import annotations

import asyncio
import os
import struct
from collections.abc import AsyncIterator, Container
from pathlib import Path

from services.sandbox.domain import OutputChunk

HEADER = struct.Struct(">BI")
STREAMS = ("stdout", "stderr")
TRUNCATED = 0x80
READ_BYTES = 256 * 1024


class Spool:
    """The output of one process while it runs. One writer, any number of readers."""

    def __init__(self, path: Path, limit_bytes: int) -> None:
        self._path = path
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        self._left = limit_bytes
        self._size = 0
        self._grew = asyncio.Event()
        self.full = False
        self._closed = False

    def append(self, stream: int, data: bytes) -> None:
        """Adds bytes of stream 0 (stdout) or 1 (stderr); past the limit, drops them and marks the place once."""
        if self.full:
            return
        kept = data[: self._left]
        self._left -= len(kept)
        record = HEADER.pack(stream, len(kept)) + kept if kept else b""
        if len(kept) < len(data):
            self.full = True
            record += HEADER.pack(stream | TRUNCATED, 0)
        os.pwrite(self._file, record, self._size)
        self._size += len(record)
        self._wake()

    def close(self) -> None:
        """No more will come; readers reach the end."""
        os.close(self._file)
        self._closed = True
        self._wake()

    async def read(self) -> AsyncIterator[OutputChunk]:
        """Everything from the start, then what comes, until `close`."""
        reader, offset = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC), 0
        try:
            while True:
                grew = self._grew
                chunks, offset = _records(reader, offset, self._size)
                for chunk in chunks:
                    yield chunk
                if offset == self._size:
                    if self._closed:
                        return
                    await grew.wait()
        finally:
            os.close(reader)

    async def text(self) -> str:
        """All of it, of both streams, once it is closed."""
        return b"".join([chunk.data async for chunk in self.read()]).decode(errors="replace")

    def _wake(self) -> None:
        self._grew.set()
        self._grew = asyncio.Event()


def make_room(directory: Path, most_bytes: int, running: Container[str]) -> None:
    """Removes the oldest spools of a directory, but none of what is running, until they take no more than that."""
    spools = sorted(((path.stat(), path) for path in directory.iterdir()), key=lambda spool: spool[0].st_mtime_ns)
    total = sum(info.st_size for info, _ in spools)
    for info, path in spools:
        if total <= most_bytes:
            return
        if path.name not in running:
            path.unlink()
            total -= info.st_size


async def read_finished(path: Path) -> AsyncIterator[OutputChunk]:
    """The output of a process that ended, also under an earlier service; the mark alone where it was removed."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        yield OutputChunk("stdout", b"", truncated=True)
        return
    try:
        size, offset, before = os.fstat(file).st_size, 0, -1
        while offset < size and offset != before:  # a last record cut short by a kill is left out
            before = offset
            chunks, offset = _records(file, offset, size)
            for chunk in chunks:
                yield chunk
    finally:
        os.close(file)


def _records(file: int, offset: int, end: int) -> tuple[list[OutputChunk], int]:
    """The whole records from `offset` on, at most `READ_BYTES`, neighbours of one stream joined; and where they end."""
    data = os.pread(file, min(READ_BYTES, end - offset), offset)
    runs: list[tuple[int, list[bytes]]] = []
    position = 0
    while position + HEADER.size <= len(data):
        stream, length = HEADER.unpack_from(data, position)
        start = position + HEADER.size
        if start + length > len(data):
            break
        if not runs or runs[-1][0] != stream:
            runs.append((stream, []))
        runs[-1][1].append(data[start : start + length])
        position = start + length
    chunks = [OutputChunk(STREAMS[stream & 1], b"".join(parts), bool(stream & TRUNCATED)) for stream, parts in runs]
    return chunks, offset + position
