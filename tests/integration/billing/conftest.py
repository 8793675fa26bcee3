"""A world for each test, over the module's database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.billing.world import World, open_world


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    """Accounts made here are on the plan `local`."""
    async with open_world(database_url, tmp_path) as opened:
        yield opened


@pytest.fixture
async def free_world(database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    """Accounts made here are on the plan `free`."""
    async with open_world(database_url, tmp_path, "free") as opened:
        yield opened


@pytest.fixture
async def own_world(own_database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    """A world that a test may leave changed."""
    async with open_world(own_database_url, tmp_path) as opened:
        yield opened
