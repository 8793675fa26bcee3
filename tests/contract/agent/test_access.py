"""The access matrix of agent."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from google.api.httpbody_pb2 import HttpBody
from mesh.agent.v1 import admin_pb2, agents_pb2, events_pb2, runs_pb2
from mesh.agent.v1.agents_pb2_grpc import AgentsStub
from mesh.agent.v1.runs_pb2_grpc import AgentRunsStub

from services.agent.app import build_role
from services.agent.config import Settings
from services.agent.policy import POLICY
from tests.contract.access_matrix import Case, Kind, Things, Visibility, cases, verdict
from tests.fakes.neighbours import Neighbours
from tests.integration.agent.processes import worker_state
from tests.integration.agent.tables import column
from tests.support.harness import ACCOUNTS, ServiceHarness, make_settings, serve_fake
from tests.support.redis import EmbeddedRedis

OWNER = ACCOUNTS["user"]
FILES = [runs_pb2.DESCRIPTOR, events_pb2.DESCRIPTOR, agents_pb2.DESCRIPTOR, admin_pb2.DESCRIPTOR]
LETTER = """
INSERT INTO dead_letters (kind, run_id, seq, account_id, payload, error, attempts, created_at)
VALUES ('messages', $1, 99, gen_random_uuid(), '', 'INVALID_ARGUMENT', 5, now()) RETURNING dead_letter_id
"""
LIVING = """
INSERT INTO samples (at, source, figures) VALUES (now() + interval '1 day', 'worker', $1::jsonb) RETURNING 1
"""
NAMED = agents_pb2.AgentFields(name="Mine")

KINDS: dict[str, Kind] = {
    "AgentRuns.StartRun": "own",
    "AgentRuns.StopRun": "write",
    "AgentRuns.GetRun": "read",
    "AgentRuns.GetRunStatus": "read",
    "AgentRuns.GetRunSummary": "read",
    "AgentRuns.ListActiveRuns": "own",
    "AgentRuns.ListThreadRuns": "read",
    "AgentRuns.WatchRun": "read",
    "Agents.ListAgents": "own",
    "Agents.CreateAgent": "own",
    "Agents.GetAgent": "hidden",
    "Agents.UpdateAgent": "hidden",
    "Agents.DeleteAgent": "hidden",
    "AgentsRest.ListAgents": "own",
    "AgentsRest.CreateAgent": "own",
    "AgentsRest.GetAgent": "hidden",
    "AgentsRest.UpdateAgent": "hidden",
    "AgentsInternal.CountAgents": "internal",
    "AgentAdmin.GetDashboard": "own",
    "AgentAdmin.ListActiveThreads": "own",
    "AgentAdmin.ListStuckRuns": "own",
    "AgentAdmin.GetRunDetail": "own",
    "AgentAdmin.ResumeRun": "own",
    "AgentAdmin.CompleteRun": "own",
    "AgentAdmin.FailRun": "own",
    "AgentAdmin.SweepRuns": "own",
    "AgentAdmin.FlushOutbox": "own",
    "AgentAdmin.ListDeadLetters": "own",
    "AgentAdmin.RetryDeadLetter": "own",
    "AgentAdmin.DiscardDeadLetter": "own",
    "AgentAdmin.PurgeDeadLetters": "own",
    "AgentAdmin.GetWalStats": "own",
    "AgentAdmin.ListCircuitBreakers": "own",
    "AgentAdmin.ResetCircuitBreakers": "own",
    "AgentAdmin.ListRateLimiters": "own",
    "AgentAdmin.GetBackpressure": "own",
    "AgentAdmin.GetMetricsHistory": "own",
    "AgentAdmin.GetHealth": "open",
    "AgentAdminRest.ListStuckRuns": "own",
    "AgentAdminRest.ListDeadLetters": "own",
    "AgentAdminRest.ListCircuitBreakers": "own",
    "AgentAdminRest.ListRateLimiters": "own",
    "AgentAdminRest.GetMetrics": "own",
    "AgentInternal.ListModels": "internal",
    "AgentInternal.ListRecentRuns": "internal",
    "AgentInternal.CountActiveRuns": "internal",
    "AgentInternal.StopThreadRuns": "internal",
    "AgentInternal.GetRunStats": "internal",
}

REQUESTS: dict[str, Callable[[Things], Any]] = {
    "AgentRuns.StartRun": lambda _: runs_pb2.StartRunRequest(prompt="hi", model_name="mock-ai"),
    "AgentRuns.StopRun": lambda things: runs_pb2.StopRunRequest(agent_run_id=things["run"]),
    "AgentRuns.GetRun": lambda things: runs_pb2.GetRunRequest(agent_run_id=things["run"]),
    "AgentRuns.GetRunStatus": lambda things: runs_pb2.GetRunStatusRequest(agent_run_id=things["run"]),
    "AgentRuns.GetRunSummary": lambda things: runs_pb2.GetRunSummaryRequest(agent_run_id=things["run"]),
    "AgentRuns.ListActiveRuns": lambda _: runs_pb2.ListActiveRunsRequest(),
    "AgentRuns.ListThreadRuns": lambda things: runs_pb2.ListThreadRunsRequest(thread_id=things["thread"]),
    "AgentRuns.WatchRun": lambda things: runs_pb2.WatchRunRequest(agent_run_id=things["run"]),
    "Agents.ListAgents": lambda _: agents_pb2.ListAgentsRequest(),
    "Agents.CreateAgent": lambda _: agents_pb2.CreateAgentRequest(agent=NAMED),
    "Agents.GetAgent": lambda things: agents_pb2.GetAgentRequest(agent_id=things["agent"]),
    "Agents.UpdateAgent": lambda things: agents_pb2.UpdateAgentRequest(agent_id=things["agent"], agent=NAMED),
    "Agents.DeleteAgent": lambda things: agents_pb2.DeleteAgentRequest(agent_id=things["agent"]),
    "AgentsRest.ListAgents": lambda _: agents_pb2.AgentsRestListAgentsRequest(),
    "AgentsRest.CreateAgent": lambda _: agents_pb2.AgentsRestCreateAgentRequest(body=HttpBody(data=b'{"name":"x"}')),
    "AgentsRest.GetAgent": lambda things: agents_pb2.AgentsRestGetAgentRequest(agent_id=things["agent"]),
    "AgentsRest.UpdateAgent": lambda things: agents_pb2.AgentsRestUpdateAgentRequest(
        agent_id=things["agent"], body=HttpBody(data=b'{"name":"x"}')
    ),
    "AgentsInternal.CountAgents": lambda _: agents_pb2.CountAgentsRequest(account_id=OWNER),
    "AgentAdmin.GetDashboard": lambda _: admin_pb2.GetDashboardRequest(),
    "AgentAdmin.ListActiveThreads": lambda _: admin_pb2.ListActiveThreadsRequest(),
    "AgentAdmin.ListStuckRuns": lambda _: admin_pb2.ListStuckRunsRequest(),
    "AgentAdmin.GetRunDetail": lambda things: admin_pb2.GetRunDetailRequest(run_id=things["run"]),
    "AgentAdmin.ResumeRun": lambda things: admin_pb2.ResumeRunRequest(run_id=things["run"]),
    "AgentAdmin.CompleteRun": lambda things: admin_pb2.CompleteRunRequest(run_id=things["run"]),
    "AgentAdmin.FailRun": lambda things: admin_pb2.FailRunRequest(run_id=things["run"]),
    "AgentAdmin.SweepRuns": lambda _: admin_pb2.SweepRunsRequest(),
    "AgentAdmin.FlushOutbox": lambda _: admin_pb2.FlushOutboxRequest(),
    "AgentAdmin.ListDeadLetters": lambda _: admin_pb2.ListDeadLettersRequest(),
    "AgentAdmin.RetryDeadLetter": lambda things: admin_pb2.RetryDeadLetterRequest(entry_id=things["letter"]),
    "AgentAdmin.DiscardDeadLetter": lambda things: admin_pb2.DiscardDeadLetterRequest(entry_id=things["letter"]),
    "AgentAdmin.PurgeDeadLetters": lambda _: admin_pb2.PurgeDeadLettersRequest(),
    "AgentAdmin.GetWalStats": lambda _: admin_pb2.GetWalStatsRequest(),
    "AgentAdmin.ListCircuitBreakers": lambda _: admin_pb2.ListCircuitBreakersRequest(),
    "AgentAdmin.ResetCircuitBreakers": lambda _: admin_pb2.ResetCircuitBreakersRequest(),
    "AgentAdmin.ListRateLimiters": lambda _: admin_pb2.ListRateLimitersRequest(),
    "AgentAdmin.GetBackpressure": lambda _: admin_pb2.GetBackpressureRequest(),
    "AgentAdmin.GetMetricsHistory": lambda _: admin_pb2.GetMetricsHistoryRequest(),
    "AgentAdmin.GetHealth": lambda _: admin_pb2.GetHealthRequest(),
    "AgentAdminRest.ListStuckRuns": lambda _: admin_pb2.AgentAdminRestListStuckRunsRequest(),
    "AgentAdminRest.ListDeadLetters": lambda _: admin_pb2.AgentAdminRestListDeadLettersRequest(),
    "AgentAdminRest.ListCircuitBreakers": lambda _: admin_pb2.AgentAdminRestListCircuitBreakersRequest(),
    "AgentAdminRest.ListRateLimiters": lambda _: admin_pb2.AgentAdminRestListRateLimitersRequest(),
    "AgentAdminRest.GetMetrics": lambda _: admin_pb2.AgentAdminRestGetMetricsRequest(),
    "AgentInternal.ListModels": lambda _: runs_pb2.ListModelsRequest(),
    "AgentInternal.ListRecentRuns": lambda things: runs_pb2.ListRecentRunsRequest(thread_id=things["thread"]),
    "AgentInternal.CountActiveRuns": lambda _: runs_pb2.CountActiveRunsRequest(account_id=OWNER),
    "AgentInternal.StopThreadRuns": lambda things: runs_pb2.StopThreadRunsRequest(thread_ids=[things["thread"]]),
    "AgentInternal.GetRunStats": lambda _: runs_pb2.GetRunStatsRequest(),
}

pytestmark = pytest.mark.asyncio(loop_scope="module")
Running = tuple[ServiceHarness[Settings], Neighbours]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def agent(
    database_url: str, redis_server: EmbeddedRedis, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Running]:
    """An agent that executes nothing, so that runs stay as they were made."""
    directory: Path = tmp_path_factory.mktemp("agent")
    fakes = Neighbours()
    fakes.billing.most_agents = 10_000
    async with AsyncExitStack() as stack:
        urls = {
            f"mesh_{name}_url": await stack.enter_async_context(
                serve_fake(name, directory, partial(fakes.register, name))
            )
            for name in ("threads", "billing", "tools")
        }
        settings = make_settings(Settings, directory, database_url=database_url, redis_url=redis_server.url, **urls)
        harness = await stack.enter_async_context(ServiceHarness(settings, build_role("api")))
        await column(harness, LIVING, json.dumps(asdict(worker_state()), default=str))
        yield harness, fakes


async def prepare(agent: Running, visibility: Visibility) -> Things:
    """A run of the owner's, in a thread of its own, and an agent."""
    harness, fakes = agent
    request = runs_pb2.StartRunRequest(prompt="hi", model_name="mock-ai")
    run = await harness.stub(AgentRunsStub, "user").StartRun(request)
    if visibility == "public":
        fakes.threads.public.add(run.thread_id)
    made = await harness.stub(AgentsStub, "user").CreateAgent(agents_pb2.CreateAgentRequest(agent=NAMED))
    (letter,) = await column(harness, LETTER, run.agent_run_id)
    return {"run": run.agent_run_id, "thread": run.thread_id, "agent": made.agent.agent_id, "letter": str(letter)}


@pytest.mark.parametrize("case", cases(FILES, POLICY, KINDS), ids=str)
async def test_each_caller_gets_the_verdict_of_the_design(agent: Running, case: Case) -> None:
    things = await prepare(agent, case.visibility)
    channel = agent[0].channel(case.caller, account=OWNER)
    assert await verdict(channel, case.method, REQUESTS[case.rpc](things)) == case.verdict


@pytest.mark.parametrize("rpc_name", [name for name, kind in KINDS.items() if kind in ("read", "write", "hidden")])
async def test_an_unknown_id_looks_like_a_hidden_one(agent: Running, rpc_name: str) -> None:
    """Nobody can find out by its answer whether an id exists."""
    (method,) = {case.method for case in cases(FILES, POLICY, KINDS) if case.rpc == rpc_name}
    unknown = {"run": str(uuid4()), "thread": str(uuid4()), "agent": str(uuid4())}
    channel = agent[0].channel("other")
    assert await verdict(channel, method, REQUESTS[rpc_name](unknown)) == 404
