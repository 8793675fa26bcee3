"""Who took a run from whom, and whether the other one lives."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from mesh.agent.v1 import events_pb2

from services.agent import app as agent
from services.agent.config import Settings
from services.agent.ports import ChosenAgent, Fence, NewRun
from services.agent.storage.postgres.ownership import PostgresOwnership
from services.agent.storage.postgres.runs import PostgresRuns
from services.kit.migrations import prepare_schema
from services.kit.postgres import open_database
from tests.chaos import audit
from tests.chaos.outage import Owners
from tests.support.harness import make_settings
from tests.unit.agent.records import ACCOUNT_ID, claim

_ALREADY_S = 0.0
_LONG_S = 60.0


@pytest.fixture
async def ownership(own_database_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[PostgresOwnership]:
    """Of one run that waits for an owner."""
    settings = make_settings(Settings, tmp_path, database_url=own_database_url, redis_url=redis_url)
    await prepare_schema(settings, agent.MIGRATIONS)
    await audit.install(own_database_url)
    async with open_database(settings) as database:
        ack = events_pb2.RunEvent(durable=True, ack=events_pb2.Ack(message="hi")).SerializeToString()
        chosen = ChosenAgent(uuid4(), uuid4(), None)
        new = NewRun(uuid4(), ACCOUNT_ID, uuid4(), uuid4(), chosen, 1, claim().spec, 60.0, b"", None, ack, b"m")
        await PostgresRuns(database).admit(new)
        yield PostgresOwnership(database)


@pytest.fixture
def other() -> Iterator[subprocess.Popen[bytes]]:
    """Another process, which lives."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def owner(pid: int) -> str:
    """As a worker calls itself."""
    return f"host:{pid}:a"


async def handed(ownership: PostgresOwnership, before: int, after: int, url: str) -> Owners:
    """One owner at an outage's beginning, and another one when it is over."""
    (held,) = await ownership.claim(owner(before), _LONG_S, 1, False)
    owners = await Owners.now(url)
    await ownership.release(Fence(held.run.run_id, 1, ACCOUNT_ID))
    assert await ownership.claim(owner(after), _LONG_S, 1, False)
    return owners


async def test_a_run_that_is_taken_from_who_lives_is_found(
    ownership: PostgresOwnership, own_database_url: str, other: subprocess.Popen[bytes]
) -> None:
    owners = await handed(ownership, os.getpid(), other.pid, own_database_url)
    ((_, what),) = [robbed async for robbed in owners.robbed(own_database_url)]
    assert owners.outlived == 1
    assert what == f"epoch 2 of {owner(other.pid)}, while {owner(os.getpid())} lives, who had epoch 1"


async def test_a_run_of_who_died_is_there_to_be_taken(
    ownership: PostgresOwnership, own_database_url: str, other: subprocess.Popen[bytes]
) -> None:
    owners = await handed(ownership, other.pid, os.getpid(), own_database_url)
    other.kill()
    other.wait()
    assert owners.outlived == 0
    assert not [robbed async for robbed in owners.robbed(own_database_url)]


async def test_an_owner_may_claim_its_run_anew(ownership: PostgresOwnership, own_database_url: str) -> None:
    owners = await handed(ownership, os.getpid(), os.getpid(), own_database_url)
    assert not [robbed async for robbed in owners.robbed(own_database_url)]


async def test_a_lease_that_had_run_out_before_is_no_owner(ownership: PostgresOwnership, own_database_url: str) -> None:
    assert await ownership.claim(owner(os.getpid()), _ALREADY_S, 1, False)
    assert (await Owners.now(own_database_url)).outlived == 0
