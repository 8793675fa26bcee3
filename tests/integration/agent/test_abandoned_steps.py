"""A model call that nobody asks again, because its run ends: what was shown of it stays, what was paid is charged."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from mesh.agent.v1 import runs_pb2
from mesh.agent.v1.runs_pb2_grpc import AgentInternalStub, AgentRunsStub

from tests.fakes.neighbours import Neighbours
from tests.integration.agent.tables import column
from tests.integration.agent.watching import eventually, kinds, start, told, watch, watch_until, worker_process
from tests.support.redis import EmbeddedRedis

Fakes = tuple[Neighbours, dict[str, str]]


async def orphan(agent: Any, stub: Any) -> Any:
    """A run whose owner was killed while the model streamed."""
    async with worker_process(agent.settings) as owner:
        run = await start(stub, "[[delay 10ms]] [[tokens 500]]")
        await watch_until(stub, run.agent_run_id, lambda e: e.WhichOneof("event") == "text_chunk")
        owner.kill()
    return run


async def test_a_stop_met_at_take_over_keeps_what_was_shown_and_charges_it(make_agent: Any, neighbours: Fakes) -> None:
    fakes, _ = neighbours
    agent = await make_agent("api")
    stub = agent.stub(AgentRunsStub, "user")
    run = await orphan(agent, stub)
    await stub.StopRun(runs_pb2.StopRunRequest(agent_run_id=run.agent_run_id))
    await make_agent("worker")
    events = await watch(stub, run.agent_run_id)
    assert (events[-1].run_ended.status, events[-1].run_ended.reason) == ("stopped", "user")
    assert kinds(events).count("run_ended") == 1
    (row,) = fakes.threads.told(run.thread_id, "assistant")
    assert row["content"].startswith("word1")
    assert told(events)[row["message_id"]] == row["content"]
    (charge,) = fakes.billing.posts.values()
    assert charge.key == f"post:{run.agent_run_id}:1"
    assert (charge.estimated, charge.wasted) == (True, False)
    assert charge.prompt_tokens > 0
    assert charge.completion_tokens > 0
    await eventually(lambda: run.agent_run_id in fakes.billing.released)


async def test_where_what_was_shown_is_lost_the_call_is_waste(
    make_agent: Any, neighbours: Fakes, redis_server: EmbeddedRedis
) -> None:
    fakes, _ = neighbours
    agent = await make_agent("api")
    stub = agent.stub(AgentRunsStub, "user")
    run = await orphan(agent, stub)
    await asyncio.to_thread(redis_server.flush)
    await stub.StopRun(runs_pb2.StopRunRequest(agent_run_id=run.agent_run_id))
    await make_agent("worker")
    events = await watch(stub, run.agent_run_id)
    assert events[-1].run_ended.status == "stopped"
    assert fakes.threads.told(run.thread_id, "assistant") == []
    await eventually(lambda: run.agent_run_id in fakes.billing.released)
    (charge,) = fakes.billing.posts.values()
    assert charge.key == f"post:{run.agent_run_id}:1:waste:e1"
    assert charge.wasted
    assert charge.prompt_tokens > 0


@pytest.mark.parametrize("ends", ["[[cut]]", "[[fail invalid_request_error]]"])
async def test_a_model_that_fails_for_good_in_its_answer_leaves_what_it_said(
    make_agent: Any, neighbours: Fakes, ends: str
) -> None:
    fakes, _ = neighbours
    stub = (await make_agent()).stub(AgentRunsStub, "user")
    run = await start(stub, f"[[say So far]] {ends}")
    events = await watch(stub, run.agent_run_id)
    assert kinds(events)[-2:] == ["run_error", "run_ended"]
    (row,) = fakes.threads.told(run.thread_id, "assistant")
    assert row["content"] == "So far"
    assert told(events)[row["message_id"]] == "So far"
    assert f"post:{run.agent_run_id}:1" in fakes.billing.posts


async def test_a_deletion_met_at_a_claim_ends_the_run_as_deleted(make_agent: Any, neighbours: Fakes) -> None:
    agent = await make_agent("api")
    stub, internal = agent.stub(AgentRunsStub, "user"), agent.stub(AgentInternalStub, "service:threads")
    run = await orphan(agent, stub)
    await internal.StopThreadRuns(runs_pb2.StopThreadRunsRequest(thread_ids=[run.thread_id]))
    await make_agent("worker")
    events = await watch(stub, run.agent_run_id)
    assert (events[-1].run_ended.status, events[-1].run_ended.reason) == ("stopped", "deleted")


async def test_a_deletion_met_at_an_intent_ends_the_run_as_deleted(make_agent: Any, neighbours: Fakes) -> None:
    """Neither a hint nor a heartbeat told of it."""
    fakes, _ = neighbours
    agent = await make_agent(mesh_heartbeat_s=60, mesh_lease_ttl_s=300)
    stub = agent.stub(AgentRunsStub, "user")
    run = await start(stub, "[[call slow {}]] [[step]] [[say never]]")
    await watch_until(stub, run.agent_run_id, lambda e: e.WhichOneof("event") == "tool_output")
    await column(agent, "UPDATE runs SET stop_requested_at = now(), stop_reason = 'deleted' RETURNING 1")
    fakes.tools.gate.set()
    events = await watch(stub, run.agent_run_id)
    assert (events[-1].run_ended.status, events[-1].run_ended.reason) == ("stopped", "deleted")
    assert f"post:{run.agent_run_id}:2" not in fakes.billing.posts


async def test_a_run_that_died_between_its_cut_answer_and_its_terminal_ends_for_the_reason_it_was_cut(
    make_agent: Any, neighbours: Fakes
) -> None:
    agent = await make_agent("api")
    stub = agent.stub(AgentRunsStub, "user")
    run = await orphan(agent, stub)
    await column(
        agent,
        "UPDATE steps SET state = 'done', finish_reason = 'stopped', text = 'cut' WHERE run_id = $1::uuid RETURNING 1",
        run.agent_run_id,
    )
    await column(agent, "UPDATE runs SET deadline = now() RETURNING 1")
    await make_agent("worker")
    events = await watch(stub, run.agent_run_id)
    assert (events[-1].run_ended.status, events[-1].run_ended.reason) == ("failed", "deadline")
