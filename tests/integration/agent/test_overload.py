"""Too much at once: starts are refused cheaply, workers leave what they cannot carry, nothing is lost."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest
from mesh.agent.v1.runs_pb2 import GetRunStatusRequest, StartRunRequest, StopRunRequest
from mesh.agent.v1.runs_pb2_grpc import AgentRunsStub
from prometheus_client import REGISTRY

from services.agent.app import CLAIMED_AT_ONCE
from services.agent.engine import backpressure
from services.agent.errors import QueueFull
from services.kit import postgres
from services.kit.errors import MeshError, RateLimited
from tests.fakes.llm.server import FakeLlm, serving
from tests.integration.agent.tables import column, until_there
from tests.integration.agent.watching import eventually, refusal, start, watch, watch_until

WORK = "figures->'work'"


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
    assert neighbours[0].billing.held.keys() == {run.agent_run_id for run in admitted}

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


async def test_a_crowd_past_the_bound_is_refused_or_ends_once_and_nothing_between(
    make_agent: Any, neighbours: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "_ACQUIRE_S", 30.0)  # all come at once: the last waits for its turn
    api = await make_agent("api", mesh_queue_limit=100)
    stub = api.stub(AgentRunsStub, "user")
    answers = await asyncio.gather(*(attempt(stub) for _ in range(150)))
    refused = [answer for answer in answers if isinstance(answer, MeshError)]
    runs = {answer.agent_run_id for answer in answers if not isinstance(answer, MeshError)}
    assert 0 < len(runs) <= 100
    for error in refused:
        assert isinstance(error, RateLimited), error
        assert error.reason == QueueFull.reason
        assert error.retry_after_s
    assert neighbours[0].billing.held.keys() == runs
    assert {str(run_id) for run_id in await column(api, "SELECT run_id FROM runs")} == runs

    await make_agent("worker")
    stories = await asyncio.gather(*(watch(stub, run_id) for run_id in runs))
    for events in stories:
        assert [event.run_ended.status for event in events if event.HasField("run_ended")] == ["completed"]


async def test_sixty_runs_at_once_each_end_once(make_agent: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "_ACQUIRE_S", 30.0)  # all come at once: the last waits for its turn
    api = await make_agent("api")
    await make_agent("worker")
    stub = api.stub(AgentRunsStub, "user")
    runs = await asyncio.gather(*(start(stub, "[[delay 10ms]] [[tokens 20]]") for _ in range(60)))
    stories = await asyncio.gather(*(watch(stub, run.agent_run_id) for run in runs))
    for events in stories:
        assert [event.run_ended.status for event in events if event.HasField("run_ended")] == ["completed"]
    ended = await column(api, "SELECT status FROM runs")
    assert ended == ["completed"] * 60


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


async def test_a_worker_whose_loop_is_late_takes_no_more_until_it_is_not(
    make_agent: Any, neighbours: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loop is really late; by less than what counts as such elsewhere, for this test lives in it too."""
    monkeypatch.setattr(backpressure, "STALLED_S", 0.2)
    api = await make_agent("api")
    await make_agent("worker", mesh_report_s=0.2)
    stub, tools = api.stub(AgentRunsStub, "user"), neighbours[0].tools
    first = await start(stub, "[[call slow {}]]")
    await watch_until(stub, first.agent_run_id, lambda event: event.HasField("tool_started"))
    async with late_loop():
        await until_there(api, f"SELECT count(*) > 0 FROM samples WHERE {WORK}->>'level' = 'critical'")
        for _ in range(4):  # each wakes the worker
            await start(stub, "[[call slow {}]]")
        (seen,) = await column(api, f"SELECT max(({WORK}->>'waited')::int) FROM samples")
        await until_there(api, f"SELECT max(({WORK}->>'waited')::int) > $1 FROM samples", seen)
        assert await column(api, "SELECT count(*) FROM runs WHERE status = 'queued'") == [4]
    await eventually(lambda: len(tools.started) == 5)
    tools.gate.set()
    await until_there(api, "SELECT count(*) = 5 FROM runs WHERE status = 'completed'")


@asynccontextmanager
async def late_loop() -> AsyncIterator[None]:
    """Timers of this loop come 0.4 s late, with a little time between for what goes on."""

    async def block() -> None:
        while True:
            time.sleep(0.6)  # noqa: ASYNC251 -- what it is about
            await asyncio.sleep(0.3)

    blocking = asyncio.create_task(block())
    try:
        yield
    finally:
        blocking.cancel()


async def test_a_worker_takes_up_no_more_than_its_rate_after_a_burst(make_agent: Any) -> None:
    slots, rate, runs = 4, 4.0, 16
    api = await make_agent("api")
    stub = api.stub(AgentRunsStub, "user")
    for _ in range(runs):
        await start(stub, "[[say hi]]")
    await make_agent("worker", mesh_run_slots=slots, mesh_claims_per_s=rate, mesh_report_s=0.2)
    await until_there(api, f"SELECT count(*) = {runs} FROM runs WHERE status = 'completed'")
    begun = await column(api, "SELECT extract(epoch FROM started_at)::float8 FROM runs ORDER BY started_at")
    for earlier, later in itertools.combinations(range(runs), 2):
        within_s = begun[later] - begun[earlier]
        assert later - earlier + 1 <= slots + rate * within_s + 1, begun
    await until_there(api, f"SELECT count(*) > 0 FROM samples WHERE ({WORK}->>'waited')::int > 0")


async def test_a_late_worker_takes_as_many_as_ever_where_the_queue_is_old(
    make_agent: Any, own_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The queue's only run is out of reach, for its row is locked: what the worker would claim is seen to change."""
    monkeypatch.setattr(backpressure, "LATE_S", 0.0)
    monkeypatch.setattr(backpressure, "LONG_WAIT_S", 2.0)
    api = await make_agent("api")
    stub = api.stub(AgentRunsStub, "user")
    run = await start(stub, "[[say hi]]")
    locker = await asyncpg.connect(own_database_url)
    async with locker.transaction():
        await locker.execute("SELECT 1 FROM agent.runs FOR UPDATE")
        await make_agent("worker", mesh_report_s=0.2)
        for allowance in (1, CLAIMED_AT_ONCE):
            await until_there(api, f"SELECT count(*) > 0 FROM samples WHERE {WORK}->>'allowance' = '{allowance}'")
    await locker.close()
    assert (await watch(stub, run.agent_run_id))[-1].run_ended.status == "completed"


async def test_runs_leave_a_model_alone_that_failed_five_times(make_agent: Any) -> None:
    """Four runs that would ask three times each. Who is refused by the breaker waits for as long as that says."""
    before = rejected("openai/plain")
    async with serving(FakeLlm()) as llm:
        stub = (await make_agent(openai_api_base=llm.url)).stub(AgentRunsStub, "user")
        request = StartRunRequest(prompt="[[fail 503]]", model_name="openai/plain")
        runs = [await stub.StartRun(request) for _ in range(4)]
        while rejected("openai/plain") < before + len(runs):
            await asyncio.sleep(0.02)
        assert 5 <= len(llm.log.calls()) <= 8
        for run in runs:
            await stub.StopRun(StopRunRequest(agent_run_id=run.agent_run_id))
            assert (await watch(stub, run.agent_run_id))[-1].HasField("run_ended")


def rejected(dependency: str) -> float:
    """Calls that a breaker of this process did not send."""
    return REGISTRY.get_sample_value("mesh_circuit_rejected_total", {"dependency": dependency}) or 0.0


async def test_a_repeat_gets_its_run_back_although_the_queue_is_full(make_agent: Any) -> None:
    stub = (await make_agent("api", mesh_queue_limit=1)).stub(AgentRunsStub, "user")
    first = await start(stub, "[[say hi]]", idempotency_key="k1")
    assert (await refusal(start(stub, "[[say hi]]", idempotency_key="k2"))).reason == QueueFull.reason
    assert await start(stub, "[[say hi]]", idempotency_key="k1") == first


async def test_the_window_of_an_account_holds_over_all_replicas_and_lets_repeats_through(
    make_agent: Any, neighbours: Any
) -> None:
    agents = [await make_agent("api", mesh_rate_starts_per_minute=2) for _ in range(2)]
    one, two = (agent.stub(AgentRunsStub, "user") for agent in agents)
    first = await start(one, "[[say hi]]", idempotency_key="k1")
    second = await start(two, "[[say hi]]")
    for stub, key in ((one, "k2"), (two, None)):
        error = await refusal(start(stub, "[[say hi]]", idempotency_key=key))
        assert isinstance(error, RateLimited)
        assert (error.reason, error.params["limit"]) == (RateLimited.reason, 2)
        assert error.retry_after_s is not None
        assert 0 < error.retry_after_s <= 60
    assert await start(two, "[[say hi]]", idempotency_key="k1") == first
    assert neighbours[0].billing.held.keys() == {first.agent_run_id, second.agent_run_id}
    assert (await start(agents[0].stub(AgentRunsStub, "other"), "[[say hi]]")).agent_run_id
