"""Publisher and reader over a real Redis."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from services.agent.domain import events as said
from services.agent.errors import InvalidCursor, RunNotFound
from services.agent.stream.ids import START, parse_cursor
from services.agent.stream.publisher import RunPublisher
from services.agent.stream.reader import Reader
from services.agent.stream.tail import Tail
from services.agent.stream.viewer import Pace
from services.agent.stream.wire import Connection, Wire
from tests.fakes.run_stream import RUN, MemoryStore, Owner, View, check, place, whole_messages
from tests.integration.agent.stream.streams import Streams
from tests.support.redis import EmbeddedRedis

PACE = Pace(idle_s=0.1, overdue_s=0.1, away_s=0.05)
PATIENT = Pace(idle_s=60, overdue_s=60, away_s=0.05)
TOKENS = [f"token{i} " for i in range(40)]


def fenced() -> None:
    raise AssertionError("nobody else owns this run")


def owner_of(streams: Streams, store: MemoryStore, epoch: int = 1) -> tuple[Owner, RunPublisher]:
    store.epoch = epoch
    publisher = streams.publisher(RUN, epoch, fenced)
    return Owner(store, publisher, epoch, lambda: asyncio.sleep(0)), publisher


async def whole_run(streams: Streams, store: MemoryStore) -> None:
    owner, publisher = owner_of(streams, store)
    await owner.durable(said.RunStarted("s"))
    await owner.say("m1", TOKENS)
    await owner.say("m2", TOKENS)
    await owner.end()
    assert await publisher.flush(within_s=20)  # closing alone is not that patient
    await publisher.close()


async def until(view: View, count: int, payloads: object) -> None:
    async for payload in payloads:  # type: ignore[attr-defined]
        view.add(payload)
        if len(view.events) >= count:
            return


async def watched(view: View, reader: Reader, most: int | None = None) -> View:
    """Resumes, and is cut when it has seen so many events."""
    async with aclosing(reader.watch(RUN, view.last_id)) as payloads:
        async for payload in payloads:
            view.add(payload)
            if most is not None and len(view.events) >= most:
                del view.events[most:]
                break
    return view


async def test_live_and_late_viewers_see_everything_once(
    streams: Streams, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    patience = Connection.call.__kwdefaults__
    assert patience
    monkeypatch.setitem(patience, "within_s", 60.0)  # nor is a Redis that waits for its turn on a busy machine
    reader = streams.reader(store, PATIENT)  # a tail that is only slow is not held against Postgres
    view, payloads = View(), reader.watch(RUN, "")
    view.add(await anext(payloads))  # a run that is over before its viewer has looked is told from Postgres
    live = asyncio.create_task(view.watch(payloads))
    await whole_run(streams, store)
    late = await View().watch(reader.watch(RUN, ""))
    for view in (await live, late):
        check(view, store)
        assert whole_messages(view) == 2
        assert "message_reset" not in view.kinds
        assert view.gaps == 0
        assert len(view.events) == 1 + 1 + 2 * (1 + len(TOKENS) + 2) + 1


async def test_a_viewer_resumes_at_every_position(streams: Streams, store: MemoryStore) -> None:
    reader = streams.reader(store, PACE)
    await whole_run(streams, store)
    full = await View().watch(reader.watch(RUN, ""))
    for index, event in enumerate(full.events[:-1]):
        rest = await View().watch(reader.watch(RUN, str(place(event))))
        assert rest.events == full.events[index + 1 :]


async def test_the_terminal_as_cursor_is_followed_by_nothing(streams: Streams, store: MemoryStore) -> None:
    await whole_run(streams, store)
    reader = streams.reader(store, PACE)
    full = await View().watch(reader.watch(RUN, ""))
    assert (await View().watch(reader.watch(RUN, full.last_id))).events == []


@pytest.mark.parametrize("cursor", ["1-9999", "7-1", "0-0", ""])
async def test_an_unknown_cursor_means_from_the_start(streams: Streams, store: MemoryStore, cursor: str) -> None:
    await whole_run(streams, store)
    view = await View().watch(streams.reader(store, PACE).watch(RUN, cursor))
    check(view, store)


async def test_a_cursor_beyond_a_live_tail_means_from_the_start(streams: Streams, store: MemoryStore) -> None:
    owner, publisher = owner_of(streams, store)
    await owner.say("m1", TOKENS)
    await publisher.flush()
    view = View()
    await until(view, 1, streams.reader(store, PACE).watch(RUN, "1-999"))
    assert view.kinds[0] == "ack"


@pytest.mark.parametrize("cursor", ["x", "1", "1-", "-1", "1-1-1", "1-x", " 1-1", "1-1 ", "١-١", "1-9999999999"])
async def test_a_malformed_cursor_is_refused(streams: Streams, store: MemoryStore, cursor: str) -> None:
    with pytest.raises(InvalidCursor):
        await View().watch(streams.reader(store, PACE).watch(RUN, cursor))


async def test_a_run_that_is_not_there_is_not_found(streams: Streams, store: MemoryStore) -> None:
    from uuid import uuid4

    with pytest.raises(RunNotFound):
        await View().watch(streams.reader(store, PACE).watch(uuid4(), ""))


async def test_an_old_run_is_served_from_postgres_alone(
    streams: Streams, store: MemoryStore, redis: EmbeddedRedis
) -> None:
    await whole_run(streams, store)
    redis.flush()
    view = await View().watch(streams.reader(store, PACE).watch(RUN, ""))
    check(view, store)
    assert all(event.durable for event in view.events)
    assert view.gaps


async def test_a_cursor_within_a_message_whose_chunks_are_gone_gets_it_whole(
    streams: Streams, store: MemoryStore, redis: EmbeddedRedis
) -> None:
    reader = streams.reader(store, PACE)
    await whole_run(streams, store)
    full = await View().watch(reader.watch(RUN, ""))
    redis.flush()
    for count in range(1, len(full.events)):
        view = View()
        view.events = full.events[:count]
        await view.watch(reader.watch(RUN, view.last_id))
        check(view, store)


async def test_a_viewer_cut_while_redis_is_away_is_right_once_it_is_back(streams: Streams, store: MemoryStore) -> None:
    """What it was told without chunks, or whole under other ids, is not continued with the tail's pieces."""
    owner, publisher = owner_of(streams, store)
    await owner.durable(said.ModelCallStarted("row", "r", 0, "mock-ai", "m"))
    await owner.chunks("m", TOKENS[:20])
    await owner.durable(said.ToolStarted("m", "c", "f", 0))
    await owner.chunks("m", TOKENS[20:])
    await owner.complete("m", TOKENS)
    await owner.end()
    await publisher.close()
    back = streams.reader(store, PACE)
    full = await View().watch(back.watch(RUN, ""))
    away = Streams(Wire("redis://127.0.0.1:1"), streams.tasks).reader(store, PACE)
    for first in range(1, len(full.events)):
        resumed = await watched(View(full.events[:first]), away)
        for second in range(first + 1, len(resumed.events)):
            store.torn = START
            cut = await watched(View(full.events[:first]), away, most=second)
            check(await watched(cut, back), store)


async def test_a_queued_run_is_watched_until_it_runs(streams: Streams, store: MemoryStore) -> None:
    view = View()
    payloads = streams.reader(store, PACE).watch(RUN, "")
    view.add(await anext(payloads))
    assert view.kinds == ["ack"]
    watching = asyncio.create_task(view.watch(payloads))
    await whole_run(streams, store)
    check(await watching, store)


async def test_a_run_that_nobody_published_ends_for_its_viewers(streams: Streams, store: MemoryStore) -> None:
    view = View()
    payloads = streams.reader(store, PACE).watch(RUN, "")
    view.add(await anext(payloads))
    store.epoch = 1
    ended = owner_of(streams, store)[1].reserve([said.RunEnded("stopped", "Stopped", "user")])
    store.write(1, ended)
    check(await view.watch(payloads), store)


async def test_every_key_has_a_time_to_live(streams: Streams, store: MemoryStore, redis: EmbeddedRedis) -> None:
    from redis import Redis

    owner, publisher = owner_of(streams, store)
    client = Redis.from_url(redis.url)
    await owner.say("m1", TOKENS)
    await publisher.flush()
    [key] = client.keys()
    assert b"{" + str(RUN).encode() + b"}" in key
    assert 3500 < client.ttl(key) <= 3600
    await owner.end()
    await publisher.close()
    assert 590 < client.ttl(key) <= 600


async def test_a_stale_owner_is_told_and_not_shown(streams: Streams, store: MemoryStore) -> None:
    told: list[bool] = []
    stale = streams.publisher(RUN, 1, lambda: told.append(True))
    store.epoch = 1
    await Owner(store, stale, 1, lambda: asyncio.sleep(0)).durable(
        said.ModelCallStarted("row", "r", 0, "mock-ai", "m1")
    )
    stale.emit(said.TextChunk("m1", "first"))
    await stale.flush()
    owner, publisher = owner_of(streams, store, epoch=2)
    publisher.emit(said.MessageReset("m1", "takeover"))
    await publisher.flush()
    stale.emit(said.TextChunk("m1", "stale"))
    await stale.flush()
    assert told == [True]
    await owner.chunks("m1", TOKENS)
    await owner.complete("m1", TOKENS)
    await owner.end()
    await publisher.close()
    view = await View().watch(streams.reader(store, PACE).watch(RUN, ""))
    check(view, store)
    assert whole_messages(view) == 1


async def test_a_stale_owner_after_a_wipe_is_not_shown(
    streams: Streams, store: MemoryStore, redis: EmbeddedRedis
) -> None:
    stale = streams.publisher(RUN, 1, lambda: None)
    store.epoch = 1
    await Owner(store, stale, 1, lambda: asyncio.sleep(0)).durable(
        said.ModelCallStarted("row", "r", 0, "mock-ai", "m1")
    )
    owner, publisher = owner_of(streams, store, epoch=2)
    publisher.emit(said.MessageReset("m1", "takeover"))
    await owner.chunks("m1", TOKENS)
    await publisher.flush()
    redis.flush()
    stale.emit(said.TextChunk("m1", "stale"))
    assert await stale.flush()
    assert await Tail(streams.wire, RUN).last() is not None, "the stale owner made the tail anew"
    view, payloads = View(), streams.reader(store, PACE).watch(RUN, "")
    view.add(await anext(payloads))
    watching = asyncio.create_task(view.watch(payloads))
    await owner.complete("m1", TOKENS)
    await owner.end()
    await publisher.close()
    check(await watching, store)
    assert all(event.text_chunk.text != "stale" for event in view.events)


async def test_postgres_being_away_does_not_end_a_live_viewer(streams: Streams, store: MemoryStore) -> None:
    owner, publisher = owner_of(streams, store)
    await owner.durable(said.RunStarted("s"))
    view = View()
    payloads = streams.reader(store, PACE).watch(RUN, "")
    view.add(await anext(payloads))
    watching = asyncio.create_task(view.watch(payloads))
    store.down = True
    asked = store.reads
    while store.reads < asked + 2:
        await asyncio.sleep(0.01)
    store.down = False
    await owner.say("m1", TOKENS)
    await owner.end()
    check(await watching, store)
    await publisher.close()


def test_the_start_precedes_every_cursor() -> None:
    assert parse_cursor("") == START < parse_cursor("0-1") < parse_cursor("1-1") < parse_cursor("1-10")
