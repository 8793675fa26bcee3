"""What decides whether a run is admitted, and that a retry is the same run."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from mesh.agent.v1 import runs_pb2
from mesh.agent.v1.runs_pb2_grpc import AgentRunsStub

from services.agent.domain.run import QUEUE_LIMIT
from services.agent.errors import IdempotencyConflict, QueueFull, ThreadQueueFull
from services.kit.errors import AlreadyExists, InvalidArgument, NotFound, PaymentRequired, RateLimited
from tests.fakes.neighbours import Neighbours
from tests.integration.agent.tables import column
from tests.integration.agent.watching import eventually, refusal, start, watch

Fakes = tuple[Neighbours, dict[str, str]]


async def test_without_a_queue_the_process_that_admits_a_run_executes_it(make_agent: Any) -> None:
    inline = await make_agent(use_stateless_pipeline=False)
    await make_agent("worker")
    stub = inline.stub(AgentRunsStub, "user")
    run = await start(stub, "[[delay 10ms]] [[tokens 20]]")
    assert await column(inline, "SELECT status || ' ' || epoch FROM runs") == ["running 1"]
    (owner,) = await column(inline, "SELECT owner FROM runs")
    again = await start(stub, "[[delay 10ms]] [[tokens 20]]")
    assert await column(inline, "SELECT owner FROM runs WHERE run_id = $1::uuid", again.agent_run_id) == [owner]
    for made in (run, again):
        events = await watch(stub, made.agent_run_id)
        assert events[-1].run_ended.status == "completed"
        assert {event.epoch for event in events} == {0, 1}


async def test_without_a_queue_what_its_process_has_no_slot_for_waits_in_one_and_runs_afterwards(
    make_agent: Any, neighbours: Fakes
) -> None:
    agent = await make_agent(use_stateless_pipeline=False, mesh_run_slots=1, mesh_queue_limit=3)
    stub = agent.stub(AgentRunsStub, "user")
    runs = await asyncio.gather(*(start(stub, "[[call slow {}]]") for _ in range(3)))
    await eventually(lambda: len(neighbours[0].tools.started) == 1)
    assert sorted(await column(agent, "SELECT status FROM runs")) == ["queued", "queued", "running"]
    await eventually_refused(stub)
    neighbours[0].tools.gate.set()
    for run in runs:
        assert (await watch(stub, run.agent_run_id))[-1].run_ended.status == "completed"


async def eventually_refused(stub: Any) -> None:
    """Starts, and takes back, until the queue is full: its gauge looks now and then."""
    async with asyncio.timeout(10):
        while True:
            try:
                run = await start(stub, "[[say no]]")
            except RateLimited as refused:
                full = refused
                break
            await stub.StopRun(runs_pb2.StopRunRequest(agent_run_id=run.agent_run_id))
    assert full.reason == QueueFull.reason


async def test_without_a_queue_a_second_run_of_a_busy_thread_still_waits(make_agent: Any, neighbours: Fakes) -> None:
    stub = (await make_agent(use_stateless_pipeline=False)).stub(AgentRunsStub, "user")
    first = await start(stub, "[[call slow {}]]")
    second = await start(stub, "[[say second]]", thread_id=first.thread_id)
    neighbours[0].tools.gate.set()
    events = await watch(stub, second.agent_run_id)
    assert events[-1].run_ended.status == "completed"
    told = neighbours[0].threads.told(first.thread_id, "user", "assistant")
    assert told[-1]["content"] == "second"


async def test_the_same_key_and_body_are_the_same_run(make_agent: Any, neighbours: Fakes) -> None:
    stub = (await make_agent()).stub(AgentRunsStub, "user")
    first = await start(stub, "[[say once]]", idempotency_key="k1")
    assert (await start(stub, "[[say once]]", idempotency_key="k1")).agent_run_id == first.agent_run_id
    await watch(stub, first.agent_run_id)
    again = await start(stub, "[[say once]]", idempotency_key="k1")
    assert again.agent_run_id == first.agent_run_id
    assert set(neighbours[0].billing.held) == {first.agent_run_id}


@pytest.mark.parametrize(
    "other", [{"prompt": "[[say other]]"}, {"mode": "docs"}, {"max_steps": 3}, {"memory_enabled": True}], ids=str
)
async def test_the_same_key_with_another_body_is_refused(make_agent: Any, other: dict[str, Any]) -> None:
    stub = (await make_agent("api")).stub(AgentRunsStub, "user")
    await start(stub, "[[say once]]", idempotency_key="k1")
    error = await refusal(start(stub, other.pop("prompt", "[[say once]]"), idempotency_key="k1", **other))
    assert isinstance(error, AlreadyExists)
    assert error.reason == IdempotencyConflict.reason


async def test_a_key_is_its_accounts_own(make_agent: Any) -> None:
    agent = await make_agent("api")
    mine = await start(agent.stub(AgentRunsStub, "user"), "[[say once]]", idempotency_key="k1")
    theirs = await start(agent.stub(AgentRunsStub, "other"), "[[say else]]", idempotency_key="k1")
    assert mine.agent_run_id != theirs.agent_run_id


async def test_an_optimistic_start_is_repeated_by_its_thread(make_agent: Any) -> None:
    stub = (await make_agent("api")).stub(AgentRunsStub, "user")
    thread_id = str(uuid4())
    first = await start(stub, "[[say once]]", thread_id=thread_id, optimistic=True)
    assert await start(stub, "[[say once]]", thread_id=thread_id, optimistic=True) == first
    assert first.thread_id == thread_id


async def test_twenty_starts_at_once_with_one_key_are_one_run_with_one_hold(make_agent: Any, neighbours: Fakes) -> None:
    agents = [await make_agent("api"), await make_agent("api")]
    stubs = [agent.stub(AgentRunsStub, "user") for agent in agents]
    answers = await asyncio.gather(*(start(stubs[n % 2], "[[say once]]", idempotency_key="k1") for n in range(20)))
    assert len({answer.agent_run_id for answer in answers}) == 1
    assert set(neighbours[0].billing.held) == {answers[0].agent_run_id}
    assert await column(agents[0], "SELECT count(*) FROM runs") == [1]


async def test_runs_of_a_thread_are_executed_first_in_first_out_one_at_a_time(
    make_agent: Any, neighbours: Fakes
) -> None:
    stub = (await make_agent()).stub(AgentRunsStub, "user")
    first = await start(stub, "[[call slow {}]] [[step]] [[say 0]]")
    later = [await start(stub, f"[[say {n}]]", thread_id=first.thread_id) for n in range(1, 4)]
    neighbours[0].tools.gate.set()
    await watch(stub, later[-1].agent_run_id)
    rows = neighbours[0].threads.told(first.thread_id, "assistant")
    assert [row["content"] for row in rows if row["content"]] == ["0", "1", "2", "3"]


async def test_a_thread_whose_queue_is_full_takes_no_more(make_agent: Any, neighbours: Fakes) -> None:
    stub = (await make_agent("api")).stub(AgentRunsStub, "user")
    first = await start(stub, "[[say 0]]")
    for n in range(1, QUEUE_LIMIT):
        await start(stub, f"[[say {n}]]", thread_id=first.thread_id)
    error = await refusal(start(stub, "[[say too much]]", thread_id=first.thread_id))
    assert isinstance(error, RateLimited)
    assert (error.reason, error.params) == (ThreadQueueFull.reason, {"limit": QUEUE_LIMIT})
    assert error.retry_after_s
    assert len(neighbours[0].billing.held) == QUEUE_LIMIT


async def test_somebody_elses_thread_is_not_found_as_threads_says_it(make_agent: Any, neighbours: Fakes) -> None:
    agent = await make_agent("api")
    theirs = await start(agent.stub(AgentRunsStub, "other"), "[[say mine]]")
    error = await refusal(start(agent.stub(AgentRunsStub, "user"), "[[say hi]]", thread_id=theirs.thread_id))
    assert isinstance(error, NotFound)
    assert (error.reason, error.domain) == ("THREAD_NOT_FOUND", "mesh.threads")
    assert len(neighbours[0].billing.held) == 1


async def test_what_billing_refuses_is_told_as_it_said_it_and_admits_nothing(
    make_agent: Any, neighbours: Fakes
) -> None:
    neighbours[0].billing.refuse = PaymentRequired(
        "Out of credits", reason="INSUFFICIENT_CREDITS", domain="mesh.billing", params={"balance": "0"}
    )
    agent = await make_agent()
    error = await refusal(start(agent.stub(AgentRunsStub, "user"), "[[say hi]]"))
    assert (type(error), error.http_status) == (PaymentRequired, 402)
    assert (error.message, error.reason, error.domain) == ("Out of credits", "INSUFFICIENT_CREDITS", "mesh.billing")
    assert error.params == {"balance": "0"}
    assert await column(agent, "SELECT count(*) FROM runs") == [0]
    assert await column(agent, "SELECT count(*) FROM outbox") == [0]


async def test_an_unknown_model_and_an_unknown_agent_are_named(make_agent: Any) -> None:
    stub = (await make_agent("api")).stub(AgentRunsStub, "user")
    request = runs_pb2.StartRunRequest(prompt="hi", model_name="acme/unknown")
    assert (await refusal(stub.StartRun(request))).reason == "UNKNOWN_MODEL"
    agent_id = str(uuid4())
    error = await refusal(start(stub, "hi", agent_id=agent_id))
    assert (error.reason, error.params) == ("AGENT_NOT_FOUND", {"agent_id": agent_id})


MALFORMED = [
    ("StartRun", runs_pb2.StartRunRequest(prompt="hi", thread_id="x"), "thread_id"),
    ("StartRun", runs_pb2.StartRunRequest(prompt="hi", project_id="x"), "project_id"),
    ("StartRun", runs_pb2.StartRunRequest(prompt="hi", agent_id="x"), "agent_id"),
    ("StartRun", runs_pb2.StartRunRequest(prompt=""), "prompt"),
    ("StartRun", runs_pb2.StartRunRequest(prompt="a\0b"), "prompt"),
    ("StartRun", runs_pb2.StartRunRequest(prompt="hi", max_steps=101), "max_steps"),
    ("StopRun", runs_pb2.StopRunRequest(agent_run_id="x"), "agent_run_id"),
    ("GetRun", runs_pb2.GetRunRequest(agent_run_id=""), "agent_run_id"),
    ("GetRunStatus", runs_pb2.GetRunStatusRequest(agent_run_id="x"), "agent_run_id"),
    ("GetRunSummary", runs_pb2.GetRunSummaryRequest(agent_run_id="x"), "agent_run_id"),
    ("ListThreadRuns", runs_pb2.ListThreadRunsRequest(thread_id="x"), "thread_id"),
    ("ListThreadRuns", runs_pb2.ListThreadRunsRequest(thread_id=str(uuid4()), limit=1001), "limit"),
    ("ListThreadRuns", runs_pb2.ListThreadRunsRequest(thread_id=str(uuid4()), page_token="-1"), "page_token"),
]


async def test_what_is_malformed_is_refused_by_its_field(make_agent: Any) -> None:
    stub = (await make_agent("api")).stub(AgentRunsStub, "user")
    for method, request, field in MALFORMED:
        error = await refusal(getattr(stub, method)(request))
        assert isinstance(error, InvalidArgument), (method, request)
        assert [violation.field for violation in error.violations] == [field], (method, request)
    malformed = await refusal(watch(stub, "x"))
    assert isinstance(malformed, InvalidArgument)
    assert [violation.field for violation in malformed.violations] == ["agent_run_id"]
