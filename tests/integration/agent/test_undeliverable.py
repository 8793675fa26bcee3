"""What a neighbour refuses for good is given up after some tries: kept as a dead letter, and its run ends clearly."""

from __future__ import annotations

from typing import Any

from mesh.agent.v1.runs_pb2_grpc import AgentRunsStub

from services.kit.errors import InvalidArgument
from tests.fakes.neighbours import Neighbours
from tests.integration.agent.tables import column, until_there
from tests.integration.agent.watching import kinds, start, watch

Fakes = tuple[Neighbours, dict[str, str]]
REFUSED = InvalidArgument("messages[0].content_json: too large")


def of_type(kind: str) -> Any:
    """Refuses rows of a type."""
    return lambda row: REFUSED if row.type == kind else None


async def test_a_row_that_threads_refuses_is_a_dead_letter_and_its_run_fails(
    make_agent: Any, neighbours: Fakes
) -> None:
    fakes, _ = neighbours
    fakes.threads.refuse_row = of_type("assistant")
    agent = await make_agent()
    stub = agent.stub(AgentRunsStub, "user")
    run = await start(stub, "[[say kept]]")
    events = await watch(stub, run.agent_run_id)
    assert kinds(events).count("run_ended") == 1
    assert (events[-1].run_ended.status, events[-1].run_ended.reason) == ("failed", "undeliverable")
    letters = await column(agent, "SELECT kind || ' ' || state || ' ' || error FROM dead_letters")
    assert letters == ["messages dead INVALID_ARGUMENT: messages[0].content_json: too large"]
    (payload,) = await column(agent, "SELECT payload FROM dead_letters")
    assert b"kept" in payload
    assert fakes.threads.told(run.thread_id, "user")[0]["content"] == "[[say kept]]"


async def test_what_follows_a_refused_row_is_still_delivered(make_agent: Any, neighbours: Fakes) -> None:
    fakes, _ = neighbours
    fakes.threads.refuse_row = of_type("user")
    agent = await make_agent()
    stub = agent.stub(AgentRunsStub, "user")
    run = await start(stub, "[[say heard]]")
    events = await watch(stub, run.agent_run_id)
    assert (events[-1].run_ended.status, events[-1].run_ended.reason) == ("failed", "undeliverable")
    assert [row["content"] for row in fakes.threads.told(run.thread_id, "assistant")] == ["heard"]
    await until_there(agent, "SELECT count(*) = 0 FROM outbox WHERE delivered_at IS NULL AND kind = 'messages'")


async def test_a_charge_that_billing_refuses_is_a_dead_letter_and_the_hold_is_released(
    make_agent: Any, neighbours: Fakes
) -> None:
    fakes, _ = neighbours
    fakes.billing.refuse_charges = REFUSED
    agent = await make_agent()
    stub = agent.stub(AgentRunsStub, "user")
    run = await start(stub, "[[call echo {}]] [[step]] [[call slow {}]]")
    events = await watch(stub, run.agent_run_id)
    assert (events[-1].run_ended.status, events[-1].run_ended.reason) == ("failed", "undeliverable")
    await until_there(agent, "SELECT count(*) = 0 FROM outbox WHERE delivered_at IS NULL")
    assert set(await column(agent, "SELECT kind FROM dead_letters")) == {"charges"}
    assert run.agent_run_id in fakes.billing.released


async def test_a_run_whose_row_was_given_up_without_its_owner_ends_when_it_is_taken_over(
    make_agent: Any, neighbours: Fakes
) -> None:
    """The relay of any process counts refusals too."""
    fakes, _ = neighbours
    fakes.threads.refuse_row = of_type("user")
    agent = await make_agent("api")
    stub = agent.stub(AgentRunsStub, "user")
    run = await start(stub, "[[say never]]")
    await column(agent, "UPDATE outbox SET next_attempt_at = now(), refusals = 4 RETURNING 1")
    await until_there(agent, "SELECT count(*) = 1 FROM dead_letters")
    await make_agent("worker")
    events = await watch(stub, run.agent_run_id)
    assert (events[-1].run_ended.status, events[-1].run_ended.reason) == ("failed", "undeliverable")
    assert fakes.billing.posts == {}
