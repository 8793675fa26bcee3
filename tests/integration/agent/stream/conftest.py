"""A Redis of each test's own, to be wiped and killed."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from services.agent.stream.streams import Streams, open_streams
from services.kit.clock import SystemClock
from services.kit.tasks import Supervisor
from tests.fakes.run_stream import MemoryStore
from tests.support.redis import EmbeddedRedis


@pytest.fixture
def redis() -> Iterator[EmbeddedRedis]:
    with tempfile.TemporaryDirectory(prefix="mesh-redis-") as directory:
        server = EmbeddedRedis(Path(directory))
        yield server
        server.stop()


@pytest.fixture
async def streams(redis: EmbeddedRedis) -> AsyncIterator[Streams]:
    async with Supervisor() as tasks, open_streams(redis.url, tasks, SystemClock()) as streams:
        yield streams


@pytest.fixture
def store() -> MemoryStore:
    store = MemoryStore()
    store.admit()
    return store
