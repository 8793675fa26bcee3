"""Fixtures of the sandbox service under test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.integration.sandbox.service import Service, running_sandbox
from tests.integration.sandbox.world import public_directory


@pytest.fixture(scope="module")
def directory() -> Iterator[Path]:
    """A directory that every user may pass through."""
    with public_directory() as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(database_url: str, directory: Path) -> AsyncIterator[Service]:
    """A running sandbox service."""
    async with running_sandbox(database_url, directory) as running:
        yield running
