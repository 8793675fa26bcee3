"""What the stream costs at this layer alone: `python -m tests.integration.agent.stream.bench`. Asserts nothing."""

from __future__ import annotations

import asyncio
import random
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path
from uuid import UUID, uuid4

import uvloop
from mesh.agent.v1 import runs_pb2

from services.agent.domain import events as said
from services.agent.stream.hub import Hub
from services.agent.stream.ids import EventId
from services.agent.stream.ports import RunHead, StoredEvent
from services.agent.stream.publisher import RunPublisher
from services.agent.stream.reader import Reader
from services.agent.stream.wire import Wire
from services.kit.tasks import Supervisor
from tests.integration.agent.stream.streams import Streams, connected
from tests.support.redis import EmbeddedRedis

TOKEN = said.TextChunk("0b6a4a0e-7f0c-4c5e-9f0e-1d2f3a4b5c6d", "token ")
END = said.RunEnded("completed", "Done", "stop")


class NothingStored:
    """A run that lives in the tail alone."""

    async def read(self, run_id: UUID, after: tuple[int, int], limit: int) -> list[StoredEvent]:
        return []

    async def head(self, run_id: UUID) -> RunHead:
        return RunHead(1, ended=False)

    async def tear(self, run_id: UUID, place: EventId) -> None:
        """Nobody resumes."""


def cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


async def publish_lone(streams: Streams, run_id: UUID, count: int) -> RunPublisher:
    publisher = streams.publisher(run_id, 1, lambda: None)
    for _ in range(count):
        publisher.emit(TOKEN)
        await publisher.flush()
    return publisher


async def publishing(streams: Streams) -> None:
    await publish_lone(streams, uuid4(), 200)
    before, began = cpu_s(), time.perf_counter()
    await publish_lone(streams, uuid4(), 5000)
    cpu, took = cpu_s() - before, time.perf_counter() - began
    print(f"publish a lone token: {cpu / 5000 * 1e6:.1f} us CPU, {took / 5000 * 1e6:.1f} us")
    publishers = [streams.publisher(uuid4(), 1, lambda: None) for _ in range(20)]
    before = cpu_s()
    for _ in range(500):
        for publisher in publishers:
            publisher.emit(TOKEN)
        for publisher in publishers:
            await publisher.flush()
    print(f"the same, 20 runs at once: {(cpu_s() - before) / 10000 * 1e6:.1f} us CPU")


async def reading(streams: Streams, lone: bool, viewers: int) -> None:
    run_id, count = uuid4(), 20_000 if lone else 80_000
    if lone:
        publisher = await publish_lone(streams, run_id, count)
    else:
        publisher = streams.publisher(run_id, 1, lambda: None)
        for index in range(count):
            publisher.emit(TOKEN)
            if index % 20 == 19:
                await asyncio.sleep(0)
        await publisher.flush(10)
    publisher.release(publisher.reserve([END]), written=True)
    await publisher.flush(10)
    reader = Reader(NothingStored(), Hub(streams.wire, streams.tasks))

    async def consume() -> int:
        return sum([len(payload) async for payload in reader.watch(run_id, "1-1")])

    began, before = time.perf_counter(), cpu_s()
    await asyncio.gather(*(consume() for _ in range(viewers)))
    took, cpu = time.perf_counter() - began, cpu_s() - before
    kind, events = "entries of one" if lone else "batches", count * viewers
    print(f"read {count} events in {kind}, {viewers} viewers: {events / took:,.0f}/s, {events / cpu:,.0f} per CPU s")


async def delays(streams: Streams, runs: int, viewers: int) -> None:
    reader = Reader(NothingStored(), Hub(streams.wire, streams.tasks))
    seen: list[float] = []

    async def view(run_id: UUID) -> None:
        async for payload in reader.watch(run_id, "1-1"):
            now = time.perf_counter()
            for event in runs_pb2.WatchRunResponse.FromString(payload).events:
                if event.HasField("text_chunk"):
                    seen.append(now - float(event.text_chunk.text))

    async def run(run_id: UUID) -> None:
        publisher = streams.publisher(run_id, 1, lambda: None)
        publisher.emit(said.Thinking(1, ""))
        await asyncio.sleep(random.random() * 0.01)  # models do not speak in step
        for _ in range(300):
            publisher.emit(said.TextChunk("m", repr(time.perf_counter())))
            await asyncio.sleep(0.01)
        publisher.release(publisher.reserve([END]), written=True)
        await publisher.flush()

    ids = [uuid4() for _ in range(runs)]
    before, began = cpu_s(), time.perf_counter()
    await asyncio.gather(*(run(i) for i in ids), *(view(i) for i in ids for _ in range(viewers)))
    load = (cpu_s() - before) / (time.perf_counter() - began)
    cuts = statistics.quantiles(seen, n=100)
    figures = f"p50 {cuts[49] * 1e3:.2f} ms, p99 {cuts[98] * 1e3:.2f} ms, load {load:.2f}"
    print(f"delay, {runs} runs with {viewers} viewers at 100 tokens/s: {figures}")


async def main() -> None:
    with tempfile.TemporaryDirectory(prefix="mesh-redis-") as directory:
        redis = EmbeddedRedis(Path(directory))
        try:
            async with Supervisor() as tasks:
                wire = Wire(redis.url)
                tasks.start("wire", wire.run)
                await connected(wire)
                streams = Streams(wire, tasks)
                await publishing(streams)
                for lone, viewers in ((True, 1), (False, 1), (False, 50)):
                    await reading(streams, lone, viewers)
                for runs, viewers in ((1, 1), (20, 1), (1, 50)):
                    await delays(streams, runs, viewers)
        finally:
            redis.stop()


if __name__ == "__main__":
    sys.exit(uvloop.run(main()))
