"""Runs that do not end by themselves: each still has exactly one terminal, and gives its credits back."""

from __future__ import annotations

from typing import Any

from mesh.agent.v1 import runs_pb2
from mesh.agent.v1.runs_pb2_grpc import AgentInternalStub, AgentRunsStub

from services.kit.errors import PaymentRequired
from tests.fakes.neighbours import Neighbours
from tests.integration.agent.tables import column
from tests.integration.agent.watching import eventually, kinds, start, watch, watch_until

Fakes = tuple[Neighbours, dict[str, str]]


async def test_a_run_that_takes_too_long_fails_and_its_tool_is_cancelled(make_agent: Any, neighbours: Fakes) -> None:
    fakes, _ = neighbours
    stub = (await make_agent(mesh_run_timeout_s=1)).stub(AgentRunsStub, "user")
    run = await start(stub, "[[say On it]] [[call slow {}]] [[step]] [[say never]]")
    events = await watch(stub, run.agent_run_id)
    assert kinds(events).count("run_ended") == 1
    ended = events[-1].run_ended
    assert (ended.status, ended.reason) == ("failed", "deadline")
    assert fakes.tools.cancelled == [f"{run.agent_run_id}:1:0"]
    rows = fakes.threads.told(run.thread_id, "assistant", "tool")
    assert [row["role"] for row in rows] == ["assistant", "tool"]
    assert rows[1]["metadata"]["result"]["success"] is False
    await eventually(lambda: run.agent_run_id in fakes.billing.released)


async def test_a_model_that_takes_too_long_fails_the_run_and_what_was_said_is_kept(
    make_agent: Any, neighbours: Fakes
) -> None:
    fakes, _ = neighbours
    stub = (await make_agent(mesh_run_timeout_s=1)).stub(AgentRunsStub, "user")
    run = await start(stub, "[[say So far]] [[wait 60]]")
    events = await watch(stub, run.agent_run_id)
    assert (events[-1].run_ended.status, events[-1].run_ended.reason) == ("failed", "deadline")
    (row,) = fakes.threads.told(run.thread_id, "assistant")
    assert row["content"] == "So far"
    assert len(fakes.billing.posts) == 1


async def test_a_run_whose_credits_run_out_fails_with_what_billing_said(make_agent: Any, neighbours: Fakes) -> None:
    fakes, _ = neighbours
    fakes.billing.block = 10_000
    fakes.billing.refuse_more = PaymentRequired("No credit is left", reason="INSUFFICIENT_CREDITS")
    stub = (await make_agent()).stub(AgentRunsStub, "user")
    run = await start(stub, "[[usage 100 9000]] [[call echo {}]] [[step]] [[say never]]")
    events = await watch(stub, run.agent_run_id)
    assert kinds(events)[-2:] == ["run_error", "run_ended"]
    assert kinds(events).count("run_ended") == 1
    ended = events[-1].run_ended
    assert (ended.status, ended.error_code) == ("failed", "INSUFFICIENT_CREDITS")
    assert events[-2].run_error.error_code == "INSUFFICIENT_CREDITS"
    assert "No credit is left" in events[-2].run_error.message
    assert len(fakes.billing.posts) == 1
    await eventually(lambda: run.agent_run_id in fakes.billing.released)


async def test_a_run_asks_for_another_block_when_the_first_is_used_up(make_agent: Any, neighbours: Fakes) -> None:
    fakes, _ = neighbours
    fakes.billing.block = 10_000
    stub = (await make_agent()).stub(AgentRunsStub, "user")
    run = await start(stub, "[[usage 100 9000]] [[call echo {}]] [[step]] [[say Done]]")
    events = await watch(stub, run.agent_run_id)
    assert events[-1].run_ended.status == "completed"
    assert fakes.billing.extended == [1]


async def test_a_run_that_kills_its_workers_is_ended_as_poison(make_agent: Any, neighbours: Fakes) -> None:
    fakes, _ = neighbours
    agent = await make_agent("api")
    stub = agent.stub(AgentRunsStub, "user")
    run = await start(stub, "[[say never]]")
    waits = await start(stub, "[[say next]]", thread_id=run.thread_id)
    await column(
        agent,
        "UPDATE runs SET status = 'running', owner = 'dead', epoch = 5, attempt = 5,"
        " lease_until = now() - interval '1 second' WHERE run_id = $1::uuid RETURNING 1",
        run.agent_run_id,
    )
    await make_agent("worker")
    events = await watch(stub, run.agent_run_id)
    assert kinds(events) == ["ack", "run_ended"]
    assert (events[-1].epoch, events[-1].n) == (6, 1)
    ended = events[-1].run_ended
    assert (ended.status, ended.reason) == ("failed", "poison")
    await eventually(lambda: run.agent_run_id in fakes.billing.released)
    assert await column(agent, "SELECT kind FROM dead_letters") == ["run"]
    after = await watch(stub, waits.agent_run_id)
    assert after[-1].run_ended.status == "completed"


async def test_a_run_whose_thread_is_deleted_ends(make_agent: Any, neighbours: Fakes) -> None:
    """Threads says so in the answer to a delivery."""
    fakes, _ = neighbours
    stub = (await make_agent()).stub(AgentRunsStub, "user")
    run = await start(stub, "[[say On it]] [[call echo {}]] [[step]] [[call slow {}]]")
    fakes.threads.deleted.add(run.thread_id)
    events = await watch(stub, run.agent_run_id)
    assert (events[-1].run_ended.status, events[-1].run_ended.reason) == ("stopped", "deleted")
    assert kinds(events).count("run_ended") == 1
    await eventually(lambda: run.agent_run_id in fakes.billing.released)


async def test_threads_stops_the_runs_of_what_it_deleted(make_agent: Any, neighbours: Fakes) -> None:
    fakes, _ = neighbours
    agent = await make_agent()
    stub, internal = agent.stub(AgentRunsStub, "user"), agent.stub(AgentInternalStub, "service:threads")
    live = await start(stub, "[[call slow {}]]")
    queued = await start(stub, "[[say never]]", thread_id=live.thread_id)
    other = await start(stub, "[[call slow {}]] [[step]] [[say Done]]")
    await watch_until(stub, live.agent_run_id, lambda e: e.WhichOneof("event") == "tool_output")
    answer = await internal.StopThreadRuns(runs_pb2.StopThreadRunsRequest(thread_ids=[live.thread_id]))
    assert answer.stopped == 2
    assert fakes.tools.forgotten == {live.thread_id}
    for run in (live, queued):
        events = await watch(stub, run.agent_run_id)
        assert (events[-1].run_ended.status, events[-1].run_ended.reason) == ("stopped", "deleted")
    assert fakes.tools.cancelled == [f"{live.agent_run_id}:1:0"]
    fakes.tools.gate.set()
    events = await watch(stub, other.agent_run_id)
    assert events[-1].run_ended.status == "completed"


async def test_a_stop_that_a_dead_owner_did_not_hear_still_cancels_its_tool(make_agent: Any, neighbours: Fakes) -> None:
    fakes, _ = neighbours
    agent = await make_agent("api")
    stub = agent.stub(AgentRunsStub, "user")
    worker = await make_agent("worker")
    run = await start(stub, "[[say On it]] [[call slow {}]] [[step]] [[say never]]")
    await watch_until(stub, run.agent_run_id, lambda e: e.WhichOneof("event") == "tool_output")
    await worker.__aexit__(None, None, None)  # it gives the run back, its tool goes on
    assert fakes.tools.cancelled == []
    await stub.StopRun(runs_pb2.StopRunRequest(agent_run_id=run.agent_run_id))
    await make_agent("worker")
    events = await watch(stub, run.agent_run_id)
    assert events[-1].run_ended.status == "stopped"
    assert fakes.tools.cancelled == [f"{run.agent_run_id}:1:0"]
    rows = fakes.threads.told(run.thread_id, "assistant", "tool")
    assert [row["role"] for row in rows] == ["assistant", "tool"]
    assert rows[1]["metadata"]["result"]["success"] is False
