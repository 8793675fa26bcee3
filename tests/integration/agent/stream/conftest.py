"""A Redis of each test's own, to be wiped and killed."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from services.agent.stream.wire import Wire
from services.kit.tasks import Supervisor
from tests.fakes.run_stream import MemoryStore
from tests.integration.agent.stream.streams import Streams, connected
from tests.support.redis import EmbeddedRedis


@pytest.fixture
def redis() -> Iterator[EmbeddedRedis]:
    with tempfile.TemporaryDirectory(prefix="mesh-redis-") as directory:
        server = EmbeddedRedis(Path(directory))
        yield server
        server.stop()


@pytest.fixture
async def streams(redis: EmbeddedRedis) -> AsyncIterator[Streams]:
    async with Supervisor() as tasks:
        wire = Wire(redis.url)
        tasks.start("wire", wire.run)
        await connected(wire)
        yield Streams(wire, tasks)


@pytest.fixture
def store() -> MemoryStore:
    store = MemoryStore()
    store.admit()
    return store
