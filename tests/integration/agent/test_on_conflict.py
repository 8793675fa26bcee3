"""What a start does where its thread has a run that has not ended: waits, is refused, or interrupts."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from mesh.agent.v1 import runs_pb2
from mesh.agent.v1.runs_pb2_grpc import AgentRunsStub

from services.agent.domain.run import QUEUE_LIMIT
from services.agent.errors import ThreadBusy, ThreadQueueFull
from services.agent.ports import Admitted, NewRun
from services.agent.storage.postgres.runs import PostgresRuns
from services.kit.errors import Conflict, MeshError, NotFound, PaymentRequired, Unavailable
from tests.fakes.neighbours import Neighbours
from tests.integration.agent.tables import column, until_there
from tests.integration.agent.watching import eventually, start, watch, watch_until

Fakes = tuple[Neighbours, dict[str, str]]


async def refusal(call: Any) -> MeshError:
    """What a call is refused with."""
    with pytest.raises(MeshError) as caught:
        await call
    return caught.value


async def busy(stub: Any) -> Any:
    """A run whose tool does not end, and that has begun."""
    run = await start(stub, "[[say On it]] [[call slow {}]] [[step]] [[say never]]")
    await watch_until(stub, run.agent_run_id, lambda e: e.WhichOneof("event") == "tool_output")
    return run


async def test_a_start_that_rejects_is_refused_with_the_active_run(make_agent: Any, neighbours: Fakes) -> None:
    fakes, _ = neighbours
    stub = (await make_agent()).stub(AgentRunsStub, "user")
    active = await busy(stub)
    error = await refusal(start(stub, "[[say no]]", thread_id=active.thread_id, on_conflict="reject"))
    assert isinstance(error, Conflict)
    assert (error.http_status, error.reason) == (409, ThreadBusy.reason)
    assert error.params == {"active_run_id": active.agent_run_id}
    assert fakes.billing.held.keys() == {active.agent_run_id}
    fakes.tools.gate.set()
    await watch(stub, active.agent_run_id)
    free = await start(stub, "[[say now]]", thread_id=active.thread_id, on_conflict="reject")
    events = await watch(stub, free.agent_run_id)
    assert events[-1].run_ended.status == "completed"


async def test_a_run_that_waits_makes_a_thread_busy_too(make_agent: Any) -> None:
    stub = (await make_agent("api")).stub(AgentRunsStub, "user")
    waits = await start(stub, "[[say first]]")
    error = await refusal(start(stub, "[[say no]]", thread_id=waits.thread_id, on_conflict="reject"))
    assert error.params == {"active_run_id": waits.agent_run_id}


async def test_a_retry_of_a_start_that_rejects_is_the_same_run(make_agent: Any) -> None:
    stub = (await make_agent("api")).stub(AgentRunsStub, "user")
    first = await start(stub, "[[say once]]", idempotency_key="k1", on_conflict="reject")
    assert await start(stub, "[[say once]]", idempotency_key="k1", on_conflict="reject") == first
    other = await refusal(start(stub, "[[say once]]", idempotency_key="k1", on_conflict="interrupt"))
    assert other.reason == "IDEMPOTENCY_CONFLICT"


async def test_of_many_starts_that_reject_at_once_one_is_admitted_and_no_other_holds_credits(
    make_agent: Any, neighbours: Fakes
) -> None:
    fakes, _ = neighbours
    agent = await make_agent("api")
    stub = agent.stub(AgentRunsStub, "user")
    thread = await start(stub, "[[say first]]")
    await stub.StopRun(runs_pb2.StopRunRequest(agent_run_id=thread.agent_run_id))
    await eventually(lambda: thread.agent_run_id in fakes.billing.released)
    answers = await asyncio.gather(
        *(start(stub, f"[[say {n}]]", thread_id=thread.thread_id, on_conflict="reject") for n in range(8)),
        return_exceptions=True,
    )
    (admitted,) = (answer for answer in answers if not isinstance(answer, BaseException))
    refused = [answer for answer in answers if isinstance(answer, MeshError)]
    assert {error.reason for error in refused} == {ThreadBusy.reason}
    assert fakes.billing.held.keys() - fakes.billing.released == {admitted.agent_run_id}


async def test_the_deployment_says_what_a_start_does_that_does_not_say_it(make_agent: Any) -> None:
    stub = (await make_agent("api", mesh_on_conflict="reject")).stub(AgentRunsStub, "user")
    first = await start(stub, "[[say first]]")
    error = await refusal(start(stub, "[[say no]]", thread_id=first.thread_id))
    assert error.reason == ThreadBusy.reason
    await start(stub, "[[say waits]]", thread_id=first.thread_id, on_conflict="enqueue")


async def test_an_interrupting_start_stops_the_active_run_and_comes_next(make_agent: Any, neighbours: Fakes) -> None:
    fakes, _ = neighbours
    stub = (await make_agent()).stub(AgentRunsStub, "user")
    active = await busy(stub)
    run = await start(stub, "[[say mine]]", thread_id=active.thread_id, on_conflict="interrupt")
    events, ended = await watch(stub, run.agent_run_id), await watch(stub, active.agent_run_id)
    assert (ended[-1].run_ended.status, ended[-1].run_ended.reason) == ("stopped", "interrupted")
    assert events[-1].run_ended.status == "completed"
    assert fakes.tools.cancelled == [f"{active.agent_run_id}:1:0"]
    said = [row["content"] for row in fakes.threads.told(active.thread_id, "assistant")]
    assert said == ["On it", "mine"]


async def test_an_interrupting_start_waits_behind_those_that_wait(make_agent: Any, neighbours: Fakes) -> None:
    fakes, _ = neighbours
    stub = (await make_agent()).stub(AgentRunsStub, "user")
    active = await busy(stub)
    await start(stub, "[[say second]]", thread_id=active.thread_id)
    third = await start(stub, "[[say third]]", thread_id=active.thread_id, on_conflict="interrupt")
    await watch(stub, third.agent_run_id)
    said = [row["content"] for row in fakes.threads.told(active.thread_id, "assistant")]
    assert said == ["On it", "second", "third"]


async def test_an_interrupting_start_stops_a_run_too_that_began_in_that_moment(
    make_agent: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The active run ended, and the next was claimed, after the admission's statement had looked for one."""
    stub = (await make_agent()).stub(AgentRunsStub, "user")
    active = await busy(stub)
    admit = PostgresRuns.admit

    async def unseen(self: PostgresRuns, new: NewRun) -> Admitted | None:
        return await admit(self, replace(new, on_conflict="enqueue"))

    with monkeypatch.context() as patched:
        patched.setattr(PostgresRuns, "admit", unseen)
        run = await start(stub, "[[say mine]]", thread_id=active.thread_id, on_conflict="interrupt")
    ended = await watch(stub, active.agent_run_id)
    assert (ended[-1].run_ended.status, ended[-1].run_ended.reason) == ("stopped", "interrupted")
    assert (await watch(stub, run.agent_run_id))[-1].run_ended.status == "completed"


async def test_an_interrupting_start_of_an_idle_thread_just_runs(make_agent: Any) -> None:
    stub = (await make_agent()).stub(AgentRunsStub, "user")
    run = await start(stub, "[[say mine]]", on_conflict="interrupt")
    assert (await watch(stub, run.agent_run_id))[-1].run_ended.status == "completed"


async def test_a_retry_of_an_interrupting_start_does_not_stop_itself(make_agent: Any, neighbours: Fakes) -> None:
    fakes, _ = neighbours
    stub = (await make_agent()).stub(AgentRunsStub, "user")
    active = await busy(stub)
    fields = {"thread_id": active.thread_id, "on_conflict": "interrupt", "idempotency_key": "k1"}
    run = await start(stub, "[[call slow {}]] [[step]] [[say done]]", **fields)
    await watch_until(stub, run.agent_run_id, lambda e: e.WhichOneof("event") == "tool_output")
    assert await start(stub, "[[call slow {}]] [[step]] [[say done]]", **fields) == run
    fakes.tools.gate.set()
    assert (await watch(stub, run.agent_run_id))[-1].run_ended.status == "completed"


async def test_an_interrupting_start_that_is_refused_stops_nothing(make_agent: Any, neighbours: Fakes) -> None:
    fakes, _ = neighbours
    stub = (await make_agent()).stub(AgentRunsStub, "user")
    active = await busy(stub)
    fakes.billing.refuse = PaymentRequired("Out of credits")
    error = await refusal(start(stub, "[[say no]]", thread_id=active.thread_id, on_conflict="interrupt"))
    assert isinstance(error, PaymentRequired)
    fakes.tools.gate.set()
    assert (await watch(stub, active.agent_run_id))[-1].run_ended.status == "completed"


async def test_without_a_queue_an_interrupting_start_still_waits_for_the_run_that_it_stops(
    make_agent: Any, neighbours: Fakes
) -> None:
    stub = (await make_agent(use_stateless_pipeline=False)).stub(AgentRunsStub, "user")
    active = await busy(stub)
    run = await start(stub, "[[say mine]]", thread_id=active.thread_id, on_conflict="interrupt")
    assert (await watch(stub, run.agent_run_id))[-1].run_ended.status == "completed"
    assert (await watch(stub, active.agent_run_id))[-1].run_ended.reason == "interrupted"


async def test_an_interrupted_run_whose_owner_is_dead_ends_at_take_over(make_agent: Any) -> None:
    agent = await make_agent("api")
    stub = agent.stub(AgentRunsStub, "user")
    dead = await start(stub, "[[say never]]")
    await column(
        agent,
        "UPDATE runs SET status = 'running', owner = 'dead', epoch = 1, attempt = 1,"
        " lease_until = now() + interval '1 second' WHERE run_id = $1::uuid RETURNING 1",
        dead.agent_run_id,
    )
    run = await start(stub, "[[say mine]]", thread_id=dead.thread_id, on_conflict="interrupt")
    await make_agent("worker")
    assert (await watch(stub, run.agent_run_id))[-1].run_ended.status == "completed"
    assert (await watch(stub, dead.agent_run_id))[-1].run_ended.reason == "interrupted"


async def test_an_interrupting_start_ends_a_run_that_waits_for_a_worker_at_once(
    make_agent: Any, neighbours: Fakes
) -> None:
    fakes, _ = neighbours
    stub = (await make_agent("api")).stub(AgentRunsStub, "user")
    waits = await start(stub, "[[say never]]")
    run = await start(stub, "[[say mine]]", thread_id=waits.thread_id, on_conflict="interrupt")
    ended = await watch(stub, waits.agent_run_id)  # there is no worker yet
    assert (ended[-1].run_ended.status, ended[-1].run_ended.reason) == ("stopped", "interrupted")
    await eventually(lambda: waits.agent_run_id in fakes.billing.released)
    await make_agent("worker")
    assert (await watch(stub, run.agent_run_id))[-1].run_ended.status == "completed"
    assert [row["content"] for row in fakes.threads.told(waits.thread_id, "assistant")] == ["mine"]


async def test_an_interrupting_start_leaves_runs_alone_that_wait_behind_the_next(make_agent: Any) -> None:
    agent = await make_agent("api")
    stub = agent.stub(AgentRunsStub, "user")
    first = await start(stub, "[[say first]]")
    await start(stub, "[[say second]]", thread_id=first.thread_id)
    await start(stub, "[[say third]]", thread_id=first.thread_id, on_conflict="interrupt")
    assert await column(agent, "SELECT status FROM runs ORDER BY turn") == ["stopped", "queued", "queued"]
    assert await column(agent, "SELECT stop_reason FROM runs WHERE stop_requested_at IS NOT NULL") == ["interrupted"]


async def test_a_waiting_run_whose_interruption_broke_off_ends_when_it_is_claimed(
    make_agent: Any, neighbours: Fakes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process, or storage, went away between the admission and the stop of the run that waited."""
    fakes, _ = neighbours
    agent = await make_agent("api")
    stub = agent.stub(AgentRunsStub, "user")
    waits = await start(stub, "[[say never]]")

    async def away(*_: Any) -> None:
        raise Unavailable

    with monkeypatch.context() as patched:
        patched.setattr(PostgresRuns, "request_stop", away)
        run = await start(stub, "[[say mine]]", thread_id=waits.thread_id, on_conflict="interrupt")
    assert await column(agent, "SELECT status FROM runs ORDER BY turn") == ["queued", "queued"]
    await make_agent("worker")
    assert (await watch(stub, run.agent_run_id))[-1].run_ended.status == "completed"
    ended = await watch(stub, waits.agent_run_id)
    assert (ended[-1].run_ended.status, ended[-1].run_ended.reason) == ("stopped", "interrupted")
    assert await column(agent, "SELECT count(*) FROM steps WHERE run_id = $1::uuid", waits.agent_run_id) == [0]
    assert [row["content"] for row in fakes.threads.told(waits.thread_id, "assistant")] == ["mine"]


async def crowd(fakes: Neighbours, stub: Any, thread_id: str) -> None:
    """The thread's queue fills while the next start waits for its hold."""

    async def fill(_: str) -> None:
        fakes.billing.holding = None
        for n in range(QUEUE_LIMIT - 1):
            await start(stub, f"[[say {n}]]", thread_id=thread_id)

    fakes.billing.holding = fill


async def test_a_start_that_finds_the_queue_full_after_its_hold_gives_it_back(
    make_agent: Any, neighbours: Fakes
) -> None:
    fakes, _ = neighbours
    agent = await make_agent("api")
    stub = agent.stub(AgentRunsStub, "user")
    first = await start(stub, "[[say first]]")
    await crowd(fakes, stub, first.thread_id)
    error = await refusal(start(stub, "[[say too late]]", thread_id=first.thread_id))
    assert error.reason == ThreadQueueFull.reason
    admitted = set(await column(agent, "SELECT run_id::text FROM runs"))
    assert fakes.billing.held.keys() - fakes.billing.released == admitted


async def test_a_start_whose_thread_goes_after_its_hold_gives_it_back(make_agent: Any, neighbours: Fakes) -> None:
    fakes, _ = neighbours
    agent = await make_agent("api")
    stub = agent.stub(AgentRunsStub, "user")
    first = await start(stub, "[[say first]]")

    async def overtake(_: str) -> None:
        fakes.billing.holding = None
        await start(stub, "[[say rival]]", thread_id=first.thread_id)
        del fakes.threads.owners[first.thread_id]

    fakes.billing.holding = overtake
    assert isinstance(await refusal(start(stub, "[[say too late]]", thread_id=first.thread_id)), NotFound)
    admitted = set(await column(agent, "SELECT run_id::text FROM runs"))
    assert len(admitted) == 2
    assert fakes.billing.held.keys() - fakes.billing.released == admitted


async def test_a_retry_with_the_key_of_a_hold_that_was_given_back_holds_anew(
    make_agent: Any, neighbours: Fakes
) -> None:
    fakes, _ = neighbours
    agent = await make_agent("api")
    stub = agent.stub(AgentRunsStub, "user")
    first = await start(stub, "[[say first]]")
    await crowd(fakes, stub, first.thread_id)
    fields = {"thread_id": first.thread_id, "idempotency_key": "k1"}
    await refusal(start(stub, "[[say mine]]", **fields))
    await make_agent("worker")
    await until_there(agent, "SELECT count(*) = 0 FROM runs WHERE status IN ('queued', 'running')")
    run = await start(stub, "[[say mine]]", **fields)
    assert (await watch(stub, run.agent_run_id))[-1].run_ended.status == "completed"
    assert run.agent_run_id in fakes.billing.held
    assert (await start(stub, "[[say mine]]", **fields)).agent_run_id == run.agent_run_id
