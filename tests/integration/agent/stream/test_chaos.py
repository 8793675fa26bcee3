"""Redis wiped, killed and started again while runs stream to many viewers, on a real server."""

from __future__ import annotations

import asyncio
import random

import pytest

from services.agent.domain import events as said
from services.agent.stream.reader import Reader
from services.agent.stream.viewer import Pace
from services.kit.tasks import Supervisor
from tests.fakes.run_stream import RUN, MemoryStore, Owner, View, check, whole_messages
from tests.integration.agent.stream.streams import Streams
from tests.support.redis import EmbeddedRedis

PACE = Pace(idle_s=0.1, overdue_s=0.1, away_s=0.02)
MESSAGES = 6
TOKENS = 60
FAULTS = 20


class Client:
    """A viewer that reads in its own pace and resumes when it is cut."""

    def __init__(self, reader: Reader, rng: random.Random, slow_s: float) -> None:
        self._reader = reader
        self._rng = rng
        self._slow_s = slow_s
        self.view = View()
        self.resumed = 0

    async def run(self) -> None:
        while not self.view.ended:
            patience = self._rng.randint(5, 60) if self._rng.random() < 0.5 else 10**6
            async for payload in self._reader.watch(RUN, self.view.last_id):
                self.view.add(payload)
                await asyncio.sleep(self._slow_s)
                patience -= 1
                if not patience:
                    break
            self.resumed += 1


class Chaos:
    """One run and its faults."""

    def __init__(self, streams: Streams, store: MemoryStore, redis: EmbeddedRedis, seed: int) -> None:
        self.rng = random.Random(seed)
        self.redis = redis
        self.store = store
        self.streams = streams
        self.pause_s = 0.002
        self.faults = 0

    async def run(self) -> None:
        self.store.epoch = 1
        publisher = self.streams.publisher(RUN, 1, lambda: None)
        owner = Owner(self.store, publisher, 1, lambda: asyncio.sleep(self.rng.random() * self.pause_s))
        await owner.durable(said.RunStarted("s"))
        for index in range(MESSAGES):
            await owner.say(f"m{index}", [f"{index}.{token} " for token in range(TOKENS)])
        await owner.end()
        await publisher.close()

    async def disturb(self, restart: bool) -> None:
        while self.faults < FAULTS and not self.store.ended:
            await asyncio.sleep(self.rng.random() * 0.03)
            if restart and self.faults % 5 == 4:
                self.redis.stop()
                await asyncio.sleep(self.rng.random() * 0.1)
                await asyncio.to_thread(self.redis.start)
            else:
                await asyncio.to_thread(self.redis.flush)
            self.faults += 1


@pytest.mark.parametrize(("seed", "restart"), [(1, False), (2, False), (3, True), (4, True)])
async def test_every_viewer_is_right_while_redis_is_wiped(
    streams: Streams, store: MemoryStore, redis: EmbeddedRedis, seed: int, restart: bool
) -> None:
    chaos = Chaos(streams, store, redis, seed)
    reader = streams.reader(store, PACE)
    clients = [Client(reader, random.Random(seed * 100 + index), 0.01 * (index % 3)) for index in range(12)]
    async with Supervisor() as tasks:
        watching = [tasks.start_once("client", client.run) for client in clients[:9]]
        faults = tasks.start_once("faults", lambda: chaos.disturb(restart))
        await chaos.run()
        await faults
        watching += [tasks.start_once("late", client.run) for client in clients[9:]]
        async with asyncio.timeout(30):
            await asyncio.gather(*watching)
    assert chaos.faults >= 5
    for client in clients:
        check(client.view, store)
    assert sum(whole_messages(client.view) for client in clients[:9]) > 0
    print(f"faults {chaos.faults}, viewers {len(clients)}, resumed {sum(client.resumed for client in clients)}")


async def test_a_viewer_that_lags_far_behind_loses_nothing(streams: Streams, store: MemoryStore) -> None:
    """More than the shared window passes by a viewer that holds still."""
    reader = streams.reader(store, PACE)
    store.epoch = 1
    publisher = streams.publisher(RUN, 1, lambda: None)
    owner = Owner(store, publisher, 1, lambda: asyncio.sleep(0))
    await owner.durable(said.RunStarted("s"))
    slow, payloads = View(), reader.watch(RUN, "")
    while len(slow.events) < 2:
        slow.add(await anext(payloads))
    quick = asyncio.create_task(View().watch(reader.watch(RUN, "")))
    for index in range(4):
        await owner.say(f"m{index}", ["x" * 10_000] * 100)
        await publisher.flush()
    await owner.end()
    await publisher.close()
    check(await quick, store)
    check(await slow.watch(payloads), store)
    assert whole_messages(slow) == 4
    assert slow.gaps == 0


async def test_above_its_bound_the_tail_forgets_the_oldest_and_late_viewers_get_those_whole(
    streams: Streams, store: MemoryStore, redis: EmbeddedRedis
) -> None:
    from redis import Redis

    store.epoch = 1
    publisher = streams.publisher(RUN, 1, lambda: None)
    owner = Owner(store, publisher, 1, lambda: asyncio.sleep(0))
    for index in range(12):
        await owner.say(f"m{index}", ["x" * 10_000] * 100)
        await publisher.flush(5)
    await owner.end()
    await publisher.close()
    [key] = Redis.from_url(redis.url).keys()
    assert (Redis.from_url(redis.url).memory_usage(key, samples=0) or 0) < 9 * 1024 * 1024
    late = await View().watch(streams.reader(store, PACE).watch(RUN, ""))
    check(late, store)
    assert 2 <= whole_messages(late) < 12
    assert late.gaps


async def test_redis_away_from_the_start_leaves_the_durable_events(
    streams: Streams, store: MemoryStore, redis: EmbeddedRedis
) -> None:
    redis.stop()
    watching = asyncio.create_task(View().watch(streams.reader(store, PACE).watch(RUN, "")))
    chaos = Chaos(streams, store, redis, 1)
    chaos.pause_s = 0
    await chaos.run()
    view = await watching
    check(view, store)
    assert all(event.durable for event in view.events)
    redis.start()


async def test_a_wiped_tail_is_told_again_amidst_a_message(
    streams: Streams, store: MemoryStore, redis: EmbeddedRedis
) -> None:
    store.epoch = 1
    publisher = streams.publisher(RUN, 1, lambda: None)
    owner = Owner(store, publisher, 1, lambda: asyncio.sleep(0))
    await owner.durable(said.ModelCallStarted("row", "r", 0, "mock-ai", "m"))
    await owner.chunks("m", ["one ", "two "])
    await publisher.flush()
    view, payloads = View(), streams.reader(store, PACE).watch(RUN, "")
    while view.text("m") != "one two ":
        view.add(await anext(payloads))
    redis.flush()
    await owner.chunks("m", ["three "])
    late, late_payloads = View(), streams.reader(store, PACE).watch(RUN, "")
    while late.text("m") != "one two three ":
        late.add(await anext(late_payloads))
    while "message_reset" not in view.kinds or view.text("m") != "one two three ":
        view.add(await anext(payloads))
    await owner.complete("m", ["one ", "two ", "three "])
    await owner.end()
    for watched, rest in ((view, payloads), (late, late_payloads)):
        check(await watched.watch(rest), store)
    await publisher.close()
