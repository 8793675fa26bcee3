"""An agent as in production beside fakes of its neighbours."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from services.agent.app import MIGRATIONS, Role, build_role
from services.agent.config import Settings
from services.kit.migrations import prepare_schema
from services.kit.postgres import open_database
from tests.fakes.neighbours import Neighbours
from tests.integration.agent.stores import OLD_ENOUGH, TTL, Stores
from tests.support.harness import ServiceHarness, make_settings, serve_fake
from tests.support.redis import EmbeddedRedis

MakeAgent = Callable[..., Any]


@pytest.fixture
async def neighbours(tmp_path: Path) -> AsyncIterator[tuple[Neighbours, dict[str, str]]]:
    """The fakes, and the settings that point at them."""
    fakes = Neighbours()
    async with AsyncExitStack() as stack:
        urls = {
            f"mesh_{name}_url": await stack.enter_async_context(
                serve_fake(name, tmp_path, partial(fakes.register, name))
            )
            for name in ("threads", "billing", "tools")
        }
        yield fakes, urls


@pytest.fixture
def private_redis() -> Iterator[EmbeddedRedis]:
    """One of the test's own, to be stopped and frozen."""
    with tempfile.TemporaryDirectory(prefix="mesh-redis-") as directory:
        server = EmbeddedRedis(Path(directory))
        yield server
        server.stop()


@pytest.fixture
async def make_agent(
    neighbours: tuple[Neighbours, dict[str, str]], own_database_url: str, redis_url: str, tmp_path: Path
) -> AsyncIterator[MakeAgent]:
    """Starts agents that share one database and one Redis."""
    async with AsyncExitStack() as stack:

        async def make(role: Role = "all", **values: Any) -> ServiceHarness[Settings]:
            given: dict[str, Any] = {
                "mesh_lease_ttl_s": 1.0,
                "mesh_heartbeat_s": 0.3,
                "mesh_sweep_s": 0.3,
                "mesh_drain_s": 0.5,
            }
            given |= {"database_url": own_database_url, "redis_url": redis_url}
            settings = make_settings(Settings, tmp_path, **(given | neighbours[1] | values))
            return await stack.enter_async_context(ServiceHarness(settings, build_role(role)))

        yield make


@pytest.fixture
async def stores(own_database_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[Stores]:
    settings = make_settings(Settings, tmp_path, database_url=own_database_url, redis_url=redis_url)
    async with open_database(settings) as database:
        await prepare_schema(settings, MIGRATIONS)
        async with asyncio.timeout(2 * TTL):  # nobody steals for one ttl after the server's start
            while not await database.fetchval(OLD_ENOUGH, TTL):
                await asyncio.sleep(0.1)
        yield Stores(database)
