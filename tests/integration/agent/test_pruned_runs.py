"""What is left of a run after the retention: its row, and its terminal for whoever still comes to see it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
from mesh.agent.v1 import runs_pb2
from mesh.agent.v1.runs_pb2_grpc import AgentRunsStub

from services.agent.storage.postgres.events import PostgresEvents
from services.agent.storage.postgres.outbox import PostgresOutbox
from services.agent.storage.postgres.runs import PostgresRuns
from services.agent.stream.reader import Reader
from services.agent.use_cases.see_run import SeeRun
from services.agent.use_cases.watch_run import WatchRun
from services.kit.postgres import open_database
from tests.fakes.run_stream import MemoryTail
from tests.integration.agent.tables import column, until_there
from tests.integration.agent.watching import ids, start, watch


@pytest.fixture
async def pruned(make_agent: Any) -> tuple[Any, Any, list[Any]]:
    """A run whose retention is over, the agent that keeps it, and the events that it once had."""
    agent = await make_agent()
    stub = agent.stub(AgentRunsStub, "user")
    run = await start(stub, "[[say One of many]]")
    events = await watch(stub, run.agent_run_id)
    await until_there(agent, "SELECT count(*) = 0 FROM outbox WHERE delivered_at IS NULL")
    await column(agent, "UPDATE runs SET completed_at = now() - interval '31 days' RETURNING 1")
    async with open_database(agent.settings) as database:
        assert await PostgresOutbox(database).prune(30, 10) == 1
    return agent, run, events


def cursors(events: list[Any]) -> list[str]:
    """The start, the middle, what came just before the terminal."""
    return ["", *(f"{event.epoch}-{event.n}" for event in (events[len(events) // 2], events[-2]))]


async def test_a_viewer_of_a_pruned_run_gets_its_terminal_once_from_wherever_it_resumes(pruned: Any) -> None:
    """Without the tail, which is gone an hour after the run at the latest."""
    agent, run, events = pruned
    nobody_asks: Any = None  # threads: a run's owner is known without them
    async with open_database(agent.settings) as database:
        see = SeeRun(PostgresRuns(database), nobody_asks)
        watching = WatchRun(see, Reader(PostgresEvents(database), MemoryTail()))
        (owner,) = await column(agent, "SELECT account_id FROM runs")
        for cursor in cursors(events):
            seen = await seen_by(watching(owner, UUID(run.agent_run_id), cursor))
            assert ids(seen) == ids(events[-1:]), cursor
            assert seen[0].run_ended == events[-1].run_ended


async def test_while_its_tail_is_there_a_pruned_run_is_shown_from_it_and_ends_once(pruned: Any) -> None:
    agent, run, events = pruned
    stub = agent.stub(AgentRunsStub, "user")
    for cursor in cursors(events):
        assert ids(await watch(stub, run.agent_run_id, cursor)).count(ids(events)[-1]) == 1, cursor


async def seen_by(payloads: AsyncIterator[bytes]) -> list[Any]:
    """The events of serialized responses."""
    return [event async for payload in payloads for event in runs_pb2.WatchRunResponse.FromString(payload).events]
