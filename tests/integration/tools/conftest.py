"""Fixtures of the tools service under test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.tools.world import Run, World, open_world


@pytest.fixture
async def world(tmp_path: Path, database_url: str) -> AsyncIterator[World]:
    """The neighbours of tools, and its database."""
    async with open_world(tmp_path, database_url) as opened:
        yield opened


@pytest.fixture
async def address(world: World) -> AsyncIterator[str]:
    """A running tools service."""
    async with world.serve() as served:
        yield served


@pytest.fixture
def run(world: World, address: str) -> Run:
    """A run that may call every tool."""
    return world.run_at(address)
