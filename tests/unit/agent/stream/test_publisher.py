"""How events get their ids and their order, and what is told after a loss."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from mesh.agent.v1 import events_pb2, runs_pb2

from services.agent.domain import events as said
from services.agent.stream.backlog import BACKLOG_BYTES
from services.agent.stream.codec import frame
from services.agent.stream.footprint import Footprint
from services.agent.stream.ids import EventId
from services.agent.stream.ports import Entry, WireDown
from services.agent.stream.publisher import RunPublisher
from services.kit.clock import SystemClock
from services.kit.tasks import Supervisor
from tests.fakes.run_stream import MemoryTail

STARTED = said.ModelCallStarted("row", "r", 0, "mock-ai", "m")
COMPLETE = said.AssistantComplete("m", "text", "stop")


def chunk(text: str) -> said.TextChunk:
    return said.TextChunk("m", text)


class Published:
    """A publisher on a tail in memory."""

    def __init__(self, tasks: Supervisor, footprint: Footprint | None = None) -> None:
        self.tail = MemoryTail()
        self.fenced = 0
        self.publisher = RunPublisher(self.tail, 1, SystemClock(), self._on_fenced, footprint)
        self.publisher.start(tasks)

    def commit(self, *events: said.RunEvent) -> None:
        self.publisher.release(self.publisher.reserve(events), written=True)

    def shown(self) -> list[tuple[int, str]]:
        return [(event.n, _brief(event)) for event in self.events()]

    def events(self) -> list[events_pb2.RunEvent]:
        return [
            event for entry in self.tail.entries for event in runs_pb2.WatchRunResponse.FromString(entry.payload).events
        ]

    async def settled(self) -> list[tuple[int, str]]:
        assert await self.publisher.flush(5)
        return self.shown()

    def _on_fenced(self) -> None:
        self.fenced += 1


def _brief(event: events_pb2.RunEvent) -> str:
    return event.text_chunk.text or str(event.WhichOneof("event"))


@pytest.fixture
async def run() -> AsyncIterator[Published]:
    async with Supervisor() as tasks:
        yield Published(tasks)


async def test_what_is_emitted_in_one_turn_is_one_entry(run: Published) -> None:
    for text in "abc":
        run.publisher.emit(chunk(text))
    assert await run.settled() == [(1, "a"), (2, "b"), (3, "c")]
    assert [(entry.first, entry.id) for entry in run.tail.entries] == [(1, EventId(1, 3))]


async def test_a_lone_event_is_sent_in_the_next_turns_of_the_loop(run: Published) -> None:
    await asyncio.sleep(0)
    run.publisher.emit(chunk("a"))
    for _ in range(3):
        await asyncio.sleep(0)
    assert run.shown() == [(1, "a")]


async def test_nothing_passes_a_reservation_before_it_is_released(run: Published) -> None:
    run.publisher.emit(chunk("a"))
    stamped = run.publisher.reserve([STARTED])
    run.publisher.emit(chunk("b"))
    assert await run.settled() == [(1, "a")]
    run.publisher.release(stamped, written=True)
    assert await run.settled() == [(1, "a"), (2, "model_call_started"), (3, "b")]


async def test_reservations_are_shown_in_their_order_whichever_is_released_first(run: Published) -> None:
    first, second = run.publisher.reserve([STARTED]), run.publisher.reserve([COMPLETE])
    run.publisher.release(second, written=True)
    assert await run.settled() == []
    run.publisher.release(first, written=True)
    assert await run.settled() == [(1, "model_call_started"), (2, "assistant_complete")]


async def test_the_stored_bytes_are_the_published_ones(run: Published) -> None:
    stamped = run.publisher.reserve([STARTED])
    run.publisher.release(stamped, written=True)
    await run.settled()
    assert [event.SerializeToString() for event in run.events()] == [row.payload for row in stamped]
    assert run.events()[0].durable


async def test_what_was_not_written_burns_its_ids_and_retells_the_open_message(run: Published) -> None:
    run.publisher.emit(chunk("a"))
    stamped = run.publisher.reserve([COMPLETE])
    run.publisher.release(stamped, written=False)
    run.publisher.emit(chunk("b"))
    assert await run.settled() == [(1, "a"), (3, "b"), (4, "message_reset"), (5, "ab")]
    assert [(entry.first, entry.id.n) for entry in run.tail.entries] == [(1, 1), (3, 5)]


async def test_a_lost_tail_is_made_anew_and_the_open_message_told_again(run: Published) -> None:
    run.commit(STARTED)
    run.publisher.emit(said.ReasoningChunk("m", "why"))
    run.publisher.emit(chunk("a"))
    run.publisher.emit(said.ToolCallChunk("m", "c", "f", "{", 0))
    await run.settled()
    run.tail.wipe()
    run.publisher.emit(said.ToolCallChunk("m", "c", "f", "}", 0))
    await run.settled()
    kinds = [event.WhichOneof("event") for event in run.events()]
    assert kinds == ["tool_call_chunk", "message_reset", "reasoning_chunk", "text_chunk", "tool_call_chunk"]
    assert run.events()[-1].tool_call_chunk.arguments_delta == "{}"
    assert [event.n for event in run.events()] == [5, 6, 7, 8, 9]


async def test_a_tail_made_anew_by_a_stale_owner_is_known_as_lost(run: Published) -> None:
    run.publisher.emit(chunk("a"))
    await run.settled()
    run.tail.entries = [Entry(57, EventId(0, 57), b"", terminal=False)]
    run.publisher.emit(chunk("b"))
    await run.publisher.flush()
    run.tail.entries = run.tail.entries[1:]
    assert run.shown() == [(2, "b"), (3, "message_reset"), (4, "ab")]


async def test_a_complete_message_is_not_told_again(run: Published) -> None:
    run.publisher.emit(chunk("a"))
    run.commit(COMPLETE)
    await run.settled()
    run.tail.wipe()
    run.publisher.emit(said.Thinking(1, ""))
    assert await run.settled() == [(3, "thinking")]


async def test_a_retry_whose_first_attempt_came_through_counts_as_delivered(run: Published) -> None:
    lost_answers = 1
    append = run.tail.append

    async def losing(entry: Entry, before: EventId | None, ttl_ms: int) -> int | EventId:
        nonlocal lost_answers
        answer = await append(entry, before, ttl_ms)
        if lost_answers:
            lost_answers -= 1
            raise WireDown
        return answer

    run.tail.append = losing  # type: ignore[method-assign]
    run.publisher.emit(chunk("a"))
    assert await run.settled() == [(1, "a")]
    assert run.fenced == 0


async def test_a_higher_epoch_in_the_tail_fences(run: Published) -> None:
    run.tail.entries = [Entry(1, EventId(2, 1), b"", terminal=False)]
    run.publisher.emit(chunk("a"))
    await run.publisher.flush()
    run.publisher.emit(chunk("b"))
    assert run.fenced == 1
    assert [entry.id for entry in run.tail.entries] == [EventId(2, 1)]


async def test_a_message_whose_first_chunks_were_trimmed_is_told_again() -> None:
    async with Supervisor() as tasks:
        run = Published(tasks, Footprint(limit=2000))
        for n in range(30):
            run.publisher.emit(chunk(f"{n} "))
            await run.settled()
        text = ""
        for event in run.events():
            text = "" if event.HasField("message_reset") else text + event.text_chunk.text
        assert run.events()[0].n > 1
        assert text == "".join(f"{n} " for n in range(30))


async def test_while_redis_is_away_memory_is_bounded_and_the_message_is_told_after(run: Published) -> None:
    run.tail.set_down(True)
    piece = "x" * 100_000
    for _ in range(40):
        run.publisher.emit(chunk(piece))
    assert run.publisher._backlog._bytes < BACKLOG_BYTES + 2 * len(piece)
    run.tail.set_down(False)
    await run.settled()
    reset = [event.WhichOneof("event") for event in run.events()].index("message_reset")
    assert run.events()[reset + 1].text_chunk.text == piece * 40


async def test_nothing_follows_the_terminal(run: Published) -> None:
    run.commit(said.RunEnded("completed", "", "stop"))
    run.publisher.emit(chunk("late"))
    assert await run.settled() == [(1, "run_ended")]
    assert run.tail.entries[-1].terminal


@pytest.mark.parametrize("size", [0, 1, 100, 127, 128, 20_000, 3_000_000])
def test_framed_events_joined_are_one_response(size: int) -> None:
    events = [events_pb2.RunEvent(epoch=1, n=n, text_chunk=events_pb2.TextChunk(text="x" * size)) for n in (1, 2)]
    joined = b"".join(frame(event.SerializeToString()) for event in events)
    assert joined == runs_pb2.WatchRunResponse(events=events).SerializeToString()
