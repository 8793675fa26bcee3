"""The heartbeat's statement: whatever Postgres says to it is an outage, and the next beat may be a good one."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest

from services.agent.app import MIGRATIONS
from services.agent.config import Settings
from services.agent.storage.postgres.leases import PostgresLeases
from services.kit.migrations import prepare_schema
from services.kit.postgres import UnforeseenFailure
from tests.support.harness import make_settings


async def test_a_refusal_that_nobody_foresaw_is_an_outage_and_ends_with_its_cause(
    own_database_url: str, redis_url: str, tmp_path: Path
) -> None:
    settings = make_settings(Settings, tmp_path, database_url=own_database_url, redis_url=redis_url)
    leases = PostgresLeases(settings)
    with pytest.raises(UnforeseenFailure):
        await leases.beat([(uuid4(), 1)], 1.0, 1.0)  # there is no such table, nor the role
    await prepare_schema(settings, MIGRATIONS)
    assert await leases.beat([(uuid4(), 1)], 1.0, 1.0) == {}
    leases.close()
