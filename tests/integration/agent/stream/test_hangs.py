"""A Redis that answers late, not at all, or takes nothing: a hiccup costs a stream nothing, a hang costs callers one
wait, and a refusal is no word of another owner."""

from __future__ import annotations

import asyncio
import time
from typing import Any
from uuid import uuid4

import pytest

from services.agent.domain import events as said
from services.agent.stream.announce import EndAnnouncer
from services.agent.stream.ids import EventId
from services.agent.stream.ports import Entry, WireDown
from services.agent.stream.tail import Tail
from services.agent.stream.wal import StreamWal
from tests.fakes.run_stream import RUN, MemoryStore, Owner, View, check
from tests.integration.agent.stream.streams import Streams, connected
from tests.support.redis import EmbeddedRedis


def fenced() -> None:
    raise AssertionError("nobody else owns this run")


async def test_a_hiccup_costs_a_stream_nothing(streams: Streams, store: MemoryStore, redis: EmbeddedRedis) -> None:
    store.epoch = 1
    publisher = streams.publisher(RUN, 1, fenced)
    owner = Owner(store, publisher, 1, lambda: asyncio.sleep(0))
    await owner.durable(said.ModelCallStarted("row", "r", 0, "mock-ai", "m"))
    await owner.chunks("m", ["before "])
    assert await publisher.flush(20)
    with redis.frozen():
        await owner.chunks("m", ["meanwhile "])
        assert not await publisher.flush(0.5)
    assert await publisher.flush(20)
    await owner.complete("m", ["before ", "meanwhile "])
    await owner.end()
    await publisher.close()
    view = await View().watch(streams.reader(store).watch(RUN, ""))
    check(view, store)
    assert "message_reset" not in view.kinds


async def test_a_redis_that_hangs_is_away_until_it_answers(streams: Streams, redis: EmbeddedRedis) -> None:
    with redis.frozen():
        with pytest.raises(WireDown):
            await streams.wire.call("PING")
        begun = time.monotonic()
        for _ in range(20):
            with pytest.raises(WireDown):
                await streams.wire.call("PING")
            await asyncio.sleep(0.02)  # a connection that is made again in between would be taken for one
        assert time.monotonic() - begun < 1.5
    async with asyncio.timeout(5):
        await connected(streams.wire)


async def test_nobody_waits_long_to_tell_an_end_or_for_a_copy(streams: Streams, redis: EmbeddedRedis) -> None:
    with redis.frozen():
        async with asyncio.timeout(0.6):
            await EndAnnouncer(streams.wire)(uuid4(), 1, b"")
        async with asyncio.timeout(1.5):
            await StreamWal(streams.wire, 60).keep(uuid4(), "1", b"answer")


async def test_a_caller_who_stopped_waiting_leaves_the_connection_to_the_others(
    streams: Streams, redis: EmbeddedRedis
) -> None:
    with redis.frozen():
        await EndAnnouncer(streams.wire)(RUN, 1, b"")
        others: Any = streams.wire.call("ECHO", "others")
    assert await others == b"others"


@pytest.mark.parametrize(("setting", "value"), [("maxmemory", "1"), ("min-replicas-to-write", "1")])
async def test_a_redis_that_takes_nothing_is_away_and_fences_nobody(
    streams: Streams, store: MemoryStore, redis: EmbeddedRedis, setting: str, value: str
) -> None:
    store.epoch = 1
    publisher = streams.publisher(RUN, 1, fenced)
    owner = Owner(store, publisher, 1, lambda: asyncio.sleep(0))
    await owner.durable(said.ModelCallStarted("row", "r", 0, "mock-ai", "m"))
    assert await publisher.flush(20)
    await streams.wire.call("CONFIG", "SET", setting, value)
    entry = Entry(1, EventId(1, 1), b"", terminal=False)
    with pytest.raises(WireDown):
        await Tail(streams.wire, uuid4()).append(entry, None, 10_000)
    await owner.chunks("m", ["meanwhile "])
    assert not await publisher.flush(0.1)
    await streams.wire.call("CONFIG", "SET", setting, 0)
    assert await publisher.flush(20)
    await owner.complete("m", ["meanwhile "])
    await owner.end()
    await publisher.close()
    view = await View().watch(streams.reader(store).watch(RUN, ""))
    check(view, store)
    assert "message_reset" not in view.kinds
