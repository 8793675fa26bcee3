from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from mesh.agent.v1 import events_pb2 as events
from mesh.agent.v1 import runs_pb2

from services.gateway.edge.codec.frames import PING
from services.gateway.edge.errors import InvalidCursor
from services.gateway.edge.streams import OpenStreams
from services.gateway.edge.use_cases.stream_agent_run import MOST_PENDING, StreamAgentRun
from services.kit.errors import NotFound, Unavailable
from tests.unit.gateway.fakes import RUN, THREAD, FakeRuns


class Screen:
    """What one viewer was shown."""

    def __init__(self) -> None:
        self.data = b""
        self.writes = 0
        self.shown = asyncio.Condition()
        self.room = asyncio.Event()
        self.room.set()
        self.asked = asyncio.Event()

    async def write(self, data: bytes) -> None:
        self.asked.set()
        await self.room.wait()
        self.data += data
        self.writes += 1
        async with self.shown:
            self.shown.notify_all()

    async def until(self, text: bytes, times: int = 1) -> None:
        async with self.shown:
            await self.shown.wait_for(lambda: self.data.count(text) >= times)

    def ids(self) -> list[str]:
        return [line.removeprefix("id: ") for line in self.data.decode().split("\n") if line.startswith("id: ")]


def batch(*numbers: int) -> runs_pb2.WatchRunResponse:
    chunks = [events.RunEvent(epoch=1, n=n, text_chunk=events.TextChunk(text="x")) for n in numbers]
    return runs_pb2.WatchRunResponse(run_id=RUN, thread_id=THREAD, events=chunks)


def ended(n: int) -> runs_pb2.WatchRunResponse:
    end = events.RunEvent(epoch=1, n=n, run_ended=events.RunEnded(status="completed", message="Done"))
    return runs_pb2.WatchRunResponse(events=[end])


class Stage:
    """A run, a viewer and the use case between them."""

    def __init__(self, ping_s: float = 60, most_pending: int = MOST_PENDING) -> None:
        self.runs = FakeRuns()
        self.screen = Screen()
        self.streams = OpenStreams(None)
        self._use_case = StreamAgentRun(self.runs, self.streams, ping_s, most_pending)

    def will(self, *items: runs_pb2.WatchRunResponse | Exception | None) -> Stage:
        for item in items:
            self.runs.batches.queue.put_nowait(item)  # type: ignore[arg-type]
        return self

    async def play(
        self, header: str | None = None, query: str | None = None, seconds: float | None = None
    ) -> Sequence[str]:
        await self._use_case(
            RUN, viewer="v", last_event_id=header, last_id=query, seconds=seconds, write=self.screen.write
        )
        return self.screen.ids()


async def test_the_stream_ends_with_the_terminal_and_nothing_after_it() -> None:
    stage = Stage().will(batch(1, 2), ended(3), batch(4))
    assert await stage.play() == ["1-1", "1-2", "1-3"]
    assert stage.runs.batches.cancelled


async def test_the_agent_is_asked_from_the_greater_cursor_on() -> None:
    stage = Stage().will(ended(9))
    await stage.play(header="1-4", query="1-7")
    assert stage.runs.watched == [(RUN, "1-7")]


async def test_a_malformed_cursor_asks_nobody() -> None:
    stage = Stage()
    with pytest.raises(InvalidCursor):
        await stage.play(query="x")
    assert stage.runs.watched == []


async def test_what_the_agent_refuses_is_told_before_anything_is_written() -> None:
    stage = Stage().will(NotFound("No such run", reason="RUN_NOT_FOUND"))
    with pytest.raises(NotFound) as refused:
        await stage.play()
    assert refused.value.reason == "RUN_NOT_FOUND"
    assert stage.screen.data == b""


async def test_an_agent_that_goes_away_is_a_cut_without_a_terminal() -> None:
    stage = Stage().will(batch(1), Unavailable())
    assert await stage.play() == ["1-1"]
    assert b"status" not in stage.screen.data.replace(b"stream_status", b"")


async def test_an_idle_stream_is_pinged_without_an_id() -> None:
    stage = Stage(ping_s=0.01)
    async with asyncio.TaskGroup() as group:
        group.create_task(stage.play())
        await stage.screen.until(PING, times=3)
        stage.will(ended(1))
    assert stage.screen.ids() == ["1-1"]


async def test_the_stream_ends_when_the_token_does() -> None:
    stage = Stage().will(batch(1))
    assert await stage.play(seconds=0.05) == ["1-1"]
    assert stage.runs.batches.cancelled


async def test_a_drain_cuts_the_stream() -> None:
    stage = Stage().will(batch(1))
    async with asyncio.TaskGroup() as group:
        group.create_task(stage.play())
        await stage.screen.until(b"1-1")
        await stage.streams.end_all()
    assert stage.runs.batches.cancelled


async def test_a_slow_viewer_stops_the_reading() -> None:
    stage = Stage(most_pending=1).will(batch(1), batch(2), batch(3), ended(4))
    stage.screen.room.clear()
    async with asyncio.TaskGroup() as group:
        group.create_task(stage.play())
        await stage.screen.asked.wait()
        for _ in range(100):  # many turns of the loop, in which no more than one batch may be read ahead
            await asyncio.sleep(0)
        assert stage.runs.batches.queue.qsize() == 2
        stage.screen.room.set()
    assert stage.screen.ids() == ["1-1", "1-2", "1-3", "1-4"]


async def test_what_gathers_while_a_write_waits_goes_out_together() -> None:
    stage = Stage().will(batch(1), batch(2), batch(3), ended(4))
    stage.screen.room.clear()
    async with asyncio.TaskGroup() as group:
        group.create_task(stage.play())
        await stage.screen.asked.wait()
        for _ in range(100):
            await asyncio.sleep(0)
        stage.screen.room.set()
    assert stage.screen.writes <= 2
    assert stage.screen.ids() == ["1-1", "1-2", "1-3", "1-4"]


async def test_a_viewer_who_leaves_ends_the_call_to_the_agent() -> None:
    stage = Stage().will(batch(1))
    playing = asyncio.ensure_future(stage.play())
    await stage.screen.until(b"1-1")
    playing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await playing
    assert stage.runs.batches.cancelled
    assert stage.streams.count == 0
