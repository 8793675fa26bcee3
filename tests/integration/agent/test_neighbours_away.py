"""A neighbour that is away delays a run; it never fails it, loses a row or tells one twice."""

from __future__ import annotations

import asyncio
from typing import Any

from mesh.agent.v1 import runs_pb2
from mesh.agent.v1.runs_pb2_grpc import AgentRunsStub

from tests.fakes.neighbours import Neighbours
from tests.integration.agent.tables import column, until_there
from tests.integration.agent.watching import eventually, kinds, start, watch, watch_until, worker_process

Fakes = tuple[Neighbours, dict[str, str]]
OWES_ANSWER = "SELECT count(*) > 0 FROM outbox WHERE kind = 'messages' AND seq > 2 AND delivered_at IS NULL"
WHOLE = ["user", "status", "llm_response_start", "assistant", "llm_response_end", "status"]


def types(fakes: Neighbours, thread_id: str) -> list[str]:
    """The types of a thread's rows in order of insertion."""
    return [row.type for row in fakes.threads.rows[thread_id].values()]


async def test_a_run_ends_when_threads_is_back_and_its_rows_are_there_once_and_in_order(
    make_agent: Any, neighbours: Fakes
) -> None:
    fakes, _ = neighbours
    agent = await make_agent()
    stub = agent.stub(AgentRunsStub, "user")
    run = await start(stub, "[[delay 10ms]] [[tokens 50]]")
    await watch_until(stub, run.agent_run_id, lambda e: e.WhichOneof("event") == "text_chunk")
    fakes.threads.away = True
    await until_there(agent, OWES_ANSWER)
    assert await column(agent, "SELECT status FROM runs") == ["running"]
    fakes.threads.away = False
    events = await watch(stub, run.agent_run_id)
    assert events[-1].run_ended.status == "completed"
    assert types(fakes, run.thread_id) == WHOLE


async def test_a_run_waits_for_threads_to_show_it_the_conversation(make_agent: Any, neighbours: Fakes) -> None:
    fakes, _ = neighbours
    api = await make_agent("api")
    stub = api.stub(AgentRunsStub, "user")
    first = await start(stub, "[[say 1]]")
    second = await start(stub, "[[say 2]]", thread_id=first.thread_id)
    await column(api, "UPDATE runs SET status = 'stopped', completed_at = now() WHERE turn = 1 RETURNING 1")
    fakes.threads.away = True
    await make_agent("worker")
    await until_there(api, "SELECT epoch = 1 FROM runs WHERE turn = 2")
    await watch_until(stub, second.agent_run_id, lambda e: e.WhichOneof("event") == "prep_stage")
    assert await column(api, "SELECT status FROM runs WHERE turn = 2") == ["running"]
    fakes.threads.away = False
    events = await watch(stub, second.agent_run_id)
    assert events[-1].run_ended.status == "completed"
    assert events[-1].epoch == 1


async def test_a_run_waits_for_the_list_of_tools_and_for_its_tool(make_agent: Any, neighbours: Fakes) -> None:
    fakes, _ = neighbours
    fakes.tools.away = True
    agent = await make_agent()
    stub = agent.stub(AgentRunsStub, "user")
    run = await start(stub, "[[call echo {}]] [[step]] [[say Done]]")
    await eventually(lambda: fakes.tools.refused > 1)
    fakes.tools.away = False
    events = await watch(stub, run.agent_run_id)
    assert events[-1].run_ended.status == "completed"
    assert events[-1].epoch == 1
    assert fakes.tools.started == [f"{run.agent_run_id}:1:0"]


async def test_a_run_that_needs_more_credit_waits_for_billing(make_agent: Any, neighbours: Fakes) -> None:
    fakes, _ = neighbours
    fakes.billing.block = 10_000
    agent = await make_agent()
    stub = agent.stub(AgentRunsStub, "user")
    run = await start(stub, "[[usage 100 9000]] [[call slow {}]] [[step]] [[say Done]]")
    await watch_until(stub, run.agent_run_id, lambda e: e.WhichOneof("event") == "tool_output")
    fakes.billing.away = True
    fakes.tools.gate.set()
    await until_there(agent, "SELECT count(*) = 1 FROM calls WHERE state = 'done'")
    fakes.billing.away = False
    events = await watch(stub, run.agent_run_id)
    assert events[-1].run_ended.status == "completed"
    await eventually(lambda: len(fakes.billing.posts) == 2)


async def test_a_run_ends_while_billing_is_away_and_its_charge_is_relayed(make_agent: Any, neighbours: Fakes) -> None:
    fakes, _ = neighbours
    stub = (await make_agent()).stub(AgentRunsStub, "user")
    run = await start(stub, "[[delay 10ms]] [[tokens 20]]")
    fakes.billing.away = True
    events = await watch(stub, run.agent_run_id)
    assert events[-1].run_ended.status == "completed"
    assert not fakes.billing.posts
    fakes.billing.away = False
    await eventually(lambda: run.agent_run_id in fakes.billing.released, 30)
    assert list(fakes.billing.posts) == [f"post:{run.agent_run_id}:1"]


async def test_any_process_delivers_what_a_killed_owner_left(make_agent: Any, neighbours: Fakes) -> None:
    fakes, _ = neighbours
    agent = await make_agent("api")
    stub = agent.stub(AgentRunsStub, "user")
    async with worker_process(agent.settings) as worker:
        run = await start(stub, "[[delay 10ms]] [[tokens 50]]")
        events = await watch_until(stub, run.agent_run_id, lambda e: e.WhichOneof("event") == "text_chunk")
        fakes.threads.away = fakes.billing.away = True
        await until_there(agent, OWES_ANSWER)
        worker.kill()
    fakes.threads.away = fakes.billing.away = False
    await until_there(agent, "SELECT count(*) = 0 FROM outbox WHERE delivered_at IS NULL", within_s=40)
    assert types(fakes, run.thread_id) == WHOLE
    assert list(fakes.billing.posts) == [f"post:{run.agent_run_id}:1"]
    assert "run_ended" not in kinds(events)
    assert await column(agent, "SELECT status FROM runs") == ["running"]  # until a worker claims it


async def test_a_run_whose_rows_threads_does_not_take_ends_at_its_deadline_all_the_same(
    make_agent: Any, neighbours: Fakes
) -> None:
    fakes, _ = neighbours
    agent = await make_agent(mesh_run_timeout_s=2)
    stub = agent.stub(AgentRunsStub, "user")
    run = await start(stub, "[[say Late]]")
    fakes.threads.away = True
    events = await watch(stub, run.agent_run_id)
    assert kinds(events).count("run_ended") == 1
    assert await column(agent, OWES_ANSWER) == [True]
    fakes.threads.away = False
    await eventually(lambda: bool(fakes.threads.told(run.thread_id, "assistant")))


async def test_a_stop_ends_a_run_that_waits_for_threads(make_agent: Any, neighbours: Fakes) -> None:
    fakes, _ = neighbours
    agent = await make_agent()
    stub = agent.stub(AgentRunsStub, "user")
    run = await start(stub, "[[say Said]]")
    fakes.threads.away = True
    await until_there(agent, OWES_ANSWER)
    await stub.StopRun(runs_pb2.StopRunRequest(agent_run_id=run.agent_run_id))
    async with asyncio.timeout(10):
        events = await watch(stub, run.agent_run_id)
    assert kinds(events).count("run_ended") == 1


async def test_a_worker_that_leaves_gives_back_a_run_that_waits_for_threads(make_agent: Any, neighbours: Fakes) -> None:
    fakes, _ = neighbours
    api = await make_agent("api")
    worker = await make_agent("worker")
    stub = api.stub(AgentRunsStub, "user")
    run = await start(stub, "[[say Said]]")
    fakes.threads.away = True
    await until_there(api, OWES_ANSWER)
    async with asyncio.timeout(5):
        await worker.server.drain()
    assert await column(api, "SELECT owner FROM runs") == [None]
    fakes.threads.away = False
    await make_agent("worker")
    events = await watch(stub, run.agent_run_id)
    assert events[-1].run_ended.status == "completed"
    assert types(fakes, run.thread_id) == WHOLE
