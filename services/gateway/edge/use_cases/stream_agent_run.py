"""Show a run's events to one viewer, from where he left off to the terminal.

The agent's batches are turned into frames and written one by one: while the viewer is slow the write waits, nothing is
read, and the agent waits too. A cut (token over, drain, agent away) is an end without a terminal: viewers resume.
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
_FIRST_PING_S = 1.0  # so that a viewer who missed nothing hears soon that he is connected

Write = Callable[[bytes], Awaitable[None]]


class StreamAgentRun:
    """`write` sends bytes to the viewer and waits while he is slow."""

    def __init__(self, runs: Runs, streams: OpenStreams, ping_s: float = PING_S) -> None:
        self._runs = runs
        self._streams = streams
        self._ping_s = ping_s

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
        async with self._streams.seat(viewer, run_id, seconds):
            batches = self._runs.watch(run_id, str(cursor or ""))
            try:
                await self._relay(batches, FrameEncoder(run_id), _Line(write, self._ping_s))
            finally:
                batches.cancel()

    async def _relay(self, batches: EventBatches, encoder: FrameEncoder, line: _Line) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                pings = group.create_task(line.keep_alive())
                await _copy(batches, encoder, line)
                pings.cancel()
        except* MeshError as failed:
            error = failed.exceptions[0]
        else:
            return
        if not line.begun:
            raise error
        log.info("stream.cut", reason=getattr(error, "reason", ""))


async def _copy(batches: EventBatches, encoder: FrameEncoder, line: _Line) -> None:
    async for batch in batches:
        if batch.thread_id:
            encoder.belongs_to(batch.thread_id)
        if frames := encoder.encode(batch.events):
            await line.send(frames)
        if batch.events and batch.events[-1].HasField("run_ended"):
            return


class _Line:
    """One viewer's connection: frames, and pings while there are none."""

    def __init__(self, write: Write, ping_s: float) -> None:
        self._write = write
        self._ping_s = ping_s
        self._one = asyncio.Lock()
        self._written = 0
        self.begun = False

    async def send(self, data: bytes) -> None:
        """One write at a time."""
        async with self._one:
            self.begun = True
            self._written += 1
            await self._write(data)

    async def keep_alive(self) -> None:
        """A ping after each interval in which nothing was written."""
        await asyncio.sleep(min(_FIRST_PING_S, self._ping_s))
        seen = 0
        while True:
            if self._written == seen:
                await self.send(PING)
            seen = self._written
            await asyncio.sleep(self._ping_s)
