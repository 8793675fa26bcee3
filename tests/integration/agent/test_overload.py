"""Too much at once: starts are refused cheaply, workers leave what they cannot carry, nothing is lost."""

from __future__ import annotations

import asyncio
from typing import Any

from mesh.agent.v1.runs_pb2 import GetRunStatusRequest
from mesh.agent.v1.runs_pb2_grpc import AgentRunsStub

from services.agent.errors import QueueFull
from services.kit.errors import MeshError, RateLimited
from tests.integration.agent.watching import refusal, start, watch, watch_until


async def test_a_full_queue_refuses_starts_before_anything_is_held_and_loses_none(
    make_agent: Any, neighbours: Any
) -> None:
    api = await make_agent("api", mesh_queue_limit=3)
    stub = api.stub(AgentRunsStub, "user")
    admitted = [await start(stub, "[[say hi]]") for _ in range(3)]
    error = await refusal(start(stub, "[[say hi]]"))
    assert isinstance(error, RateLimited)
    assert (error.reason, error.params["limit"]) == (QueueFull.reason, 3)
    assert error.retry_after_s is not None
    assert neighbours[0].billing.held == {run.agent_run_id for run in admitted}

    await make_agent("worker")
    for run in admitted:
        assert (await watch(stub, run.agent_run_id))[-1].run_ended.status == "completed"
    await until_admitted(stub)


async def until_admitted(stub: Any) -> None:
    while isinstance(await attempt(stub), RateLimited):
        await asyncio.sleep(0.05)


async def attempt(stub: Any) -> Any:
    try:
        return await start(stub, "[[say again]]")
    except MeshError as refused:
        return refused


async def test_a_worker_without_memory_takes_one_run_at_a_time(make_agent: Any, neighbours: Any) -> None:
    """Its limit is below what any Python has: it stays critical, and takes a run only when it has none."""
    await make_agent("worker", mesh_memory_limit_mib=1)
    stub = (await make_agent("api")).stub(AgentRunsStub, "user")
    runs = [await start(stub, "[[call slow {}]]")]
    await watch_until(stub, runs[0].agent_run_id, lambda event: event.HasField("tool_started"))
    for _ in range(4):  # each wakes the worker
        runs.append(await start(stub, "[[call slow {}]]"))
        states = [(await stub.GetRunStatus(GetRunStatusRequest(agent_run_id=run.agent_run_id))).status for run in runs]
        assert neighbours[0].tools.started == neighbours[0].tools.started[:1], states
    neighbours[0].tools.gate.set()
    for run in runs:
        assert (await watch(stub, run.agent_run_id))[-1].run_ended.status == "completed"
