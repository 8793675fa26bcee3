"""Threads as in production, with neighbours that remember what they were told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.kit.postgres import Database, open_database
from tests.support.harness import ServiceHarness
from tests.support.threads import NeighbourFakes, Settings, running_threads


@pytest.fixture
def neighbours() -> NeighbourFakes:
    return NeighbourFakes()


@pytest.fixture
async def threads(
    database_url: str, tmp_path: Path, neighbours: NeighbourFakes
) -> AsyncIterator[ServiceHarness[Settings]]:
    async with running_threads(database_url, tmp_path, neighbours) as harness:
        yield harness


@pytest.fixture
async def database(threads: ServiceHarness[Settings]) -> AsyncIterator[Database]:
    """The service's own database, to look into."""
    async with open_database(threads.settings) as opened:
        yield opened
