"""Per module: a fake mesh, Envoy in front of it (`door`), and Envoy in front of a real edge (`house`)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from services.gateway.config import Settings
from services.gateway.edge.app import build
from tests.integration.gateway.envoy_process import Door, open_door
from tests.integration.gateway.fake_mesh import FakeMesh, open_fake_mesh
from tests.support.harness import ServiceHarness, make_settings
from tests.support.redis import EmbeddedRedis

NEIGHBOURS = ("agent", "threads", "billing", "sandbox", "tools")


@dataclass
class House:
    """A real edge and a real Envoy; the services behind them are scripted."""

    door: Door
    mesh: FakeMesh
    edge: ServiceHarness[Settings]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def mesh() -> AsyncIterator[FakeMesh]:
    async with open_fake_mesh() as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def door(mesh: FakeMesh, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Door]:
    async with open_door(tmp_path_factory.mktemp("envoy"), mesh.address) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(
    mesh: FakeMesh, redis_server: EmbeddedRedis, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[House]:
    folder: Path = tmp_path_factory.mktemp("house")
    targets = {f"mesh_{name}_url": mesh.address for name in NEIGHBOURS}
    settings = make_settings(Settings, folder, redis_url=redis_server.url, mesh_max_upload_mb=40, **targets)
    async with (
        ServiceHarness(settings, build) as edge,
        open_door(folder, mesh.address, mesh_edge_url=edge.address) as opened,
    ):
        yield House(opened, mesh, edge)
