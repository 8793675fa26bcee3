"""One fake mesh and one Envoy per module."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.integration.gateway.envoy_process import Door, open_door
from tests.integration.gateway.fake_mesh import FakeMesh, open_fake_mesh


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def mesh() -> AsyncIterator[FakeMesh]:
    async with open_fake_mesh() as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def door(mesh: FakeMesh, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Door]:
    folder: Path = tmp_path_factory.mktemp("envoy")
    async with open_door(folder, mesh.address) as opened:
        yield opened
