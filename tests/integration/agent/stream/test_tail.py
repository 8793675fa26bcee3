"""What a tail must do: the one in Redis, and the one in memory that stands for it in simulations."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from services.agent.stream.hub import Hub
from services.agent.stream.ids import START, EventId
from services.agent.stream.ports import LOST, Entry, ReadableTail, WireDown, WritableTail
from services.agent.stream.tail import Tail
from tests.fakes.run_stream import RUN, MemoryTail
from tests.integration.agent.stream.streams import Streams
from tests.support.redis import EmbeddedRedis


class Both:
    """A tail from both sides, and its faults."""

    def __init__(self, writing: WritableTail, reading: ReadableTail, redis: EmbeddedRedis | None) -> None:
        self.writing = writing
        self.reading = reading
        self._redis = redis

    async def wipe(self) -> None:
        if self._redis is not None:
            await asyncio.to_thread(self._redis.flush)
        else:
            assert isinstance(self.writing, MemoryTail)
            self.writing.wipe()

    async def take_down(self) -> None:
        if self._redis is not None:
            await asyncio.to_thread(self._redis.stop)
        else:
            assert isinstance(self.writing, MemoryTail)
            self.writing.set_down(True)

    async def all(self) -> list[Entry]:
        found: list[Entry] = []
        while entries := await self.reading.after(found[-1].id if found else START):
            found += entries
        return found


@pytest.fixture(params=["memory", "redis"])
async def tail(request: Any, redis: EmbeddedRedis, streams: Streams) -> AsyncIterator[Both]:
    async with AsyncExitStack() as stack:
        if request.param == "memory":
            memory = MemoryTail()
            yield Both(memory, memory, None)
        else:
            reading = stack.enter_context(Hub(streams.wire, streams.tasks).joined(RUN))
            yield Both(Tail(streams.wire, RUN), reading, redis)


def entry(epoch: int, first: int, last: int, *, terminal: bool = False) -> Entry:
    return Entry(first, EventId(epoch, last), b"\x00\xff" * last, terminal)


async def test_entries_are_read_as_they_were_written(tail: Both) -> None:
    entries = [entry(1, 1, 3), entry(1, 4, 4), entry(2, 1, 9, terminal=True)]
    before = None
    for written in entries:
        answer = await tail.writing.append(written, before, 10_000)
        assert isinstance(answer, int)
        assert answer >= 0
        before = written.id
    assert await tail.all() == entries
    assert await tail.reading.after(EventId(1, 3)) == entries[1:]
    assert await tail.reading.last() == EventId(2, 9)


async def test_an_empty_tail_has_nothing(tail: Both) -> None:
    assert await tail.all() == []
    assert await tail.reading.last() is None


async def test_without_the_entry_before_nothing_is_added(tail: Both) -> None:
    await tail.writing.append(entry(1, 1, 3), None, 10_000)
    await tail.wipe()
    assert await tail.writing.append(entry(1, 4, 4), EventId(1, 3), 10_000) == LOST
    assert await tail.all() == []
    found = await tail.writing.append(entry(1, 4, 4), None, 10_000)
    assert isinstance(found, int)
    assert found > 0


async def test_an_id_that_is_not_higher_is_refused_with_the_last(tail: Both) -> None:
    await tail.writing.append(entry(2, 1, 3), None, 10_000)
    assert await tail.writing.append(entry(2, 1, 3), None, 10_000) == EventId(2, 3)
    assert await tail.writing.append(entry(1, 4, 99), None, 10_000) == EventId(2, 3)
    assert await tail.all() == [entry(2, 1, 3)]


async def test_what_is_before_an_id_is_trimmed(tail: Both) -> None:
    before = None
    for n in range(1, 6):
        await tail.writing.append(entry(1, n, n), before, 10_000)
        before = EventId(1, n)
    await tail.writing.trim(EventId(1, 4))
    assert await tail.all() == [entry(1, 4, 4), entry(1, 5, 5)]


async def test_who_waits_at_the_end_is_woken(tail: Both) -> None:
    await tail.writing.append(entry(1, 1, 1), None, 10_000)
    waiting = asyncio.create_task(tail.reading.changed(EventId(1, 1), 10))
    await asyncio.sleep(0)
    await tail.writing.append(entry(1, 2, 2), EventId(1, 1), 10_000)
    assert await waiting
    assert await tail.reading.after(EventId(1, 1)) == [entry(1, 2, 2)]


async def test_who_waits_in_vain_is_told(tail: Both) -> None:
    assert not await tail.reading.changed(START, 0.05)


async def test_a_tail_that_is_away_says_so(tail: Both) -> None:
    await tail.take_down()
    with pytest.raises(WireDown):
        await tail.writing.append(entry(1, 1, 1), None, 10_000)
    with pytest.raises(WireDown):
        await tail.reading.after(START)


async def test_an_expired_tail_in_redis_is_gone(streams: Streams) -> None:
    tail = Tail(streams.wire, RUN)
    await tail.append(entry(1, 1, 1), None, 10_000)
    await tail.expire(1)
    while await tail.last() is not None:
        await asyncio.sleep(0.005)
