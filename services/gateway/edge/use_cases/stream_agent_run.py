"""Show a run's events to one viewer, from where he left off to the terminal.

The agent's batches are turned into frames, and whatever is ready is written together. While the viewer is slow the
write waits, a bounded number of bytes gathers, then nothing is read, and the agent waits too; who takes nothing is cut
by Envoy. A cut (that, token over, drain, agent away) is an end without a terminal: viewers resume.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from services.gateway.edge.codec.cursors import decode_cursor
from services.gateway.edge.codec.frames import PING, FrameEncoder
from services.gateway.edge.ports import EventBatches, Runs
from services.gateway.edge.streams import OpenStreams
from services.kit.errors import MeshError
from services.kit.logging import get_logger

log = get_logger()

PING_S = 5.0
MOST_PENDING = 128 * 1024  # bytes that wait for one viewer
_FIRST_PING_S = 1.0  # so that a viewer who missed nothing hears soon that he is connected

Write = Callable[[bytes], Awaitable[None]]


class StreamAgentRun:
    """`write` sends bytes to the viewer and waits while he is slow."""

    def __init__(
        self, runs: Runs, streams: OpenStreams, ping_s: float = PING_S, most_pending: int = MOST_PENDING
    ) -> None:
        self._runs = runs
        self._streams = streams
        self._ping_s = ping_s
        self._most_pending = most_pending

    async def __call__(
        self,
        run_id: str,
        *,
        viewer: str,
        last_event_id: str | None,
        last_id: str | None,
        seconds: float | None,
        write: Write,
    ) -> None:
        """Returns when the run's terminal is written, after `seconds` (the token's), or when the stream was cut.

        Raises what agent refused, as long as nothing was written; InvalidCursor, TooManyStreams.
        """
        cursor = decode_cursor(last_event_id, last_id)
        line = _Line(write, self._ping_s, self._most_pending)
        async with self._streams.seat(viewer, run_id, seconds):
            batches = self._runs.watch(run_id, str(cursor or ""))
            try:
                await self._relay(batches, FrameEncoder(run_id), line)
            finally:
                batches.cancel()
        if not line.written:  # without a frame the answer would be no event stream, and a browser would not resume it
            await write(PING)

    async def _relay(self, batches: EventBatches, encoder: FrameEncoder, line: _Line) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(line.run())
                await _copy(batches, encoder, line)
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from None


async def _copy(batches: EventBatches, encoder: FrameEncoder, line: _Line) -> None:
    """Until the terminal, or until the agent ends the stream without one. Raises only while nothing was written."""
    try:
        async for batch in batches:
            if batch.thread_id:
                encoder.belongs_to(batch.thread_id)
            for frames in encoder.encode(batch.events):
                await line.send(frames)
            if batch.events and batch.events[-1].HasField("run_ended"):
                break
    except MeshError as failed:
        if not line.begun:
            raise
        log.info("stream.cut", reason=failed.reason)
    line.close()


class _Line:
    """One viewer's connection: what is ready goes out together, and pings while there is nothing."""

    def __init__(self, write: Write, ping_s: float, most_pending: int) -> None:
        self._write = write
        self._ping_s = ping_s
        self._most = most_pending
        self._pending: list[bytes] = []
        self._size = 0
        self._ready, self._room = asyncio.Event(), asyncio.Event()
        self._closed = False
        self.begun = self.written = False

    async def send(self, data: bytes) -> None:
        """Hands frames over; waits while the viewer has too many before him."""
        self.begun = True
        self._pending.append(data)
        self._size += len(data)
        self._ready.set()
        if self._size >= self._most:
            self._room.clear()
            await self._room.wait()

    def close(self) -> None:
        """Nothing more is sent; what is pending still goes out."""
        self._closed = True
        self._ready.set()

    async def run(self) -> None:
        """Writes until closed."""
        patience = min(_FIRST_PING_S, self._ping_s)
        while self._pending or not self._closed:
            data = self._taken() if await self._within(patience) else PING
            self.begun = self.written = True
            await self._write(data)
            patience = self._ping_s

    async def _within(self, seconds: float) -> bool:
        """Whether something to write came in time."""
        try:
            async with asyncio.timeout(seconds):
                await self._ready.wait()
        except TimeoutError:
            return False
        return True

    def _taken(self) -> bytes:
        data = b"".join(self._pending)
        self._pending.clear()
        self._size = 0
        self._ready.clear()
        self._room.set()
        return data
