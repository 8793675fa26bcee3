"""kill -9 of a worker: another takes its run over, and nothing is lost, told twice or paid twice."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import pytest
from mesh.agent.v1 import runs_pb2
from mesh.agent.v1.runs_pb2_grpc import AgentRunsStub

from services.agent.domain.journal import Journal
from services.agent.domain.run import Claim
from services.agent.storage.postgres.journal import PostgresJournal
from services.agent.storage.postgres.ownership import PostgresOwnership
from services.kit.errors import Unavailable
from services.kit.postgres import StorageConflict, StorageUnavailable
from tests.fakes.neighbours import Neighbours
from tests.integration.agent.tables import column, until_there
from tests.integration.agent.watching import (
    eventually,
    ids,
    kinds,
    told,
    watch,
    watch_until,
    worker_process,
)

PATIENCE_S = 20.0
"""For a machine that is busy with other tests. How long it takes, `make chaos` measures."""


async def test_a_run_is_taken_over_in_the_middle_of_a_model_stream(
    make_agent: Any, neighbours: tuple[Neighbours, dict[str, str]]
) -> None:
    fakes, _ = neighbours
    agent = await make_agent("api")
    stub = agent.stub(AgentRunsStub, "user")
    async with worker_process(agent.settings) as first:
        run = await stub.StartRun(
            runs_pb2.StartRunRequest(prompt="[[delay 10ms]] [[tokens 100]]", model_name="mock-ai")
        )
        before = await watch_until(stub, run.agent_run_id, lambda e: e.WhichOneof("event") == "text_chunk")
        first.kill()
        async with worker_process(agent.settings), asyncio.timeout(PATIENCE_S):
            events = await watch(stub, run.agent_run_id)
    assert before[-1].epoch == 1
    assert ids(events) == sorted(set(ids(events)))
    resets = [event.message_reset for event in events if event.WhichOneof("event") == "message_reset"]
    assert resets[-1].reason == "takeover"
    assert kinds(events).count("run_ended") == 1
    (row,) = fakes.threads.told(run.thread_id, "assistant")
    assert told(events)[row["message_id"]] == row["content"]
    assert ["waste" in key for key in sorted(fakes.billing.posts)] == [False, True]
    assert fakes.billing.released == {run.agent_run_id}


async def test_who_takes_a_run_over_waits_for_a_storage_that_is_away(
    make_agent: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = await make_agent("api")
    stub = agent.stub(AgentRunsStub, "user")
    async with worker_process(agent.settings) as first:
        run = await stub.StartRun(
            runs_pb2.StartRunRequest(prompt="[[delay 10ms]] [[tokens 100]]", model_name="mock-ai")
        )
        await watch_until(stub, run.agent_run_id, lambda e: e.WhichOneof("event") == "text_chunk")
        first.kill()
    refusals: list[Unavailable] = [StorageUnavailable(), StorageConflict()]
    load = PostgresJournal.load

    async def away_at_first(journal: PostgresJournal, run_id: UUID) -> Journal:
        if refusals:
            raise refusals.pop()
        return await load(journal, run_id)

    monkeypatch.setattr(PostgresJournal, "load", away_at_first)
    await make_agent("worker")
    events = await watch(stub, run.agent_run_id)
    assert (events[-1].epoch, events[-1].run_ended.status, refusals) == (2, "completed", [])


@pytest.mark.parametrize("early", ["", " [[wait 60]]"], ids=["after the answer", "while it streams"])
async def test_a_running_tool_goes_on_and_is_attached_to_again(
    make_agent: Any, neighbours: tuple[Neighbours, dict[str, str]], early: str
) -> None:
    fakes, _ = neighbours
    agent = await make_agent("api")
    stub = agent.stub(AgentRunsStub, "user")
    prompt = f"[[say On it]] [[call slow {{}}]]{early} [[step]] [[say Done]]"
    async with worker_process(agent.settings) as first:
        run = await stub.StartRun(runs_pb2.StartRunRequest(prompt=prompt, model_name="mock-ai"))
        await watch_until(stub, run.agent_run_id, lambda e: e.WhichOneof("event") == "tool_output")
        first.kill()
        async with worker_process(agent.settings):
            await eventually(lambda: len(fakes.tools.attached) == 2, 20)
            fakes.tools.gate.set()
            events = await watch(stub, run.agent_run_id)
    key = f"{run.agent_run_id}:1:0"
    assert fakes.tools.started == [key]
    assert fakes.tools.attached == [(key, 1), (key, 2)]
    assert ids(events) == sorted(set(ids(events)))
    rows = fakes.threads.told(run.thread_id, "user", "assistant", "tool")
    assert [row["role"] for row in rows] == ["user", "assistant", "tool", "assistant"]
    assert len(rows[1]["tool_calls"]) == 1
    for row in rows:
        if row["role"] == "assistant":
            assert told(events)[row["message_id"]] == row["content"]
    posts = sorted(key for key in fakes.billing.posts if "waste" not in key)
    assert posts == [f"post:{run.agent_run_id}:1", f"post:{run.agent_run_id}:2"]


async def test_a_worker_that_leaves_hands_its_run_over_at_once(
    make_agent: Any, neighbours: tuple[Neighbours, dict[str, str]]
) -> None:
    fakes, _ = neighbours
    agent = await make_agent("api")
    stub = agent.stub(AgentRunsStub, "user")
    async with worker_process(agent.settings) as first:
        run = await stub.StartRun(
            runs_pb2.StartRunRequest(prompt="[[call slow {}]] [[step]] [[say Done]]", model_name="mock-ai")
        )
        await watch_until(stub, run.agent_run_id, lambda e: e.WhichOneof("event") == "tool_output")
        async with worker_process(agent.settings):
            first.terminate()
            await eventually(lambda: len(fakes.tools.attached) == 2, 20)
            fakes.tools.gate.set()
            events = await watch(stub, run.agent_run_id)
    assert events[-1].run_ended.status == "completed"
    assert fakes.tools.started == [f"{run.agent_run_id}:1:0"]


async def test_a_worker_that_is_told_to_leave_hands_its_live_run_over_and_waits_for_no_grace(
    make_agent: Any, neighbours: tuple[Neighbours, dict[str, str]]
) -> None:
    """Between two steps, long before its grace is over: no attempt is burnt, nothing is told twice."""
    fakes, _ = neighbours
    agent = await make_agent("api", mesh_drain_s=1.5 * PATIENCE_S)
    stub = agent.stub(AgentRunsStub, "user")
    async with worker_process(agent.settings) as first:
        run = await stub.StartRun(
            runs_pb2.StartRunRequest(
                prompt="[[call slow {}]] [[step]] [[repeat 200]] [[wait 50ms]] [[call echo {}]]", model_name="mock-ai"
            )
        )
        await watch_until(stub, run.agent_run_id, lambda e: e.WhichOneof("event") == "tool_output")
        async with worker_process(agent.settings) as second:
            await until_there(agent, "SELECT count(DISTINCT source) >= 3 FROM samples")
            fakes.tools.gate.set()
            await until_there(agent, "SELECT count(*) > 3 FROM steps WHERE state = 'done'")
            first.terminate()
            await until_there(agent, "SELECT epoch = 2 AND owner IS NOT NULL FROM runs", within_s=PATIENCE_S)
            assert await column(agent, "SELECT attempt <= 1 FROM runs") == [True]
            await stub.StopRun(runs_pb2.StopRunRequest(agent_run_id=run.agent_run_id))
            events = await watch(stub, run.agent_run_id)
            assert second.poll() is None
    assert kinds(events).count("run_ended") == 1
    assert ids(events) == sorted(set(ids(events)))
    assert not [key for key in fakes.billing.posts if "waste" in key]


async def test_a_worker_that_leaves_in_the_middle_of_a_claim_gives_back_what_it_got(
    make_agent: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    claimed, answered, claim = asyncio.Event(), asyncio.Event(), PostgresOwnership.claim

    async def slow(store: PostgresOwnership, *asked: Any) -> list[Claim]:
        claims = await claim(store, *asked)
        if claims:
            claimed.set()
            await answered.wait()
        return claims

    monkeypatch.setattr(PostgresOwnership, "claim", slow)
    agent = await make_agent("api")
    worker = await make_agent("worker", mesh_drain_s=30)
    await agent.stub(AgentRunsStub, "user").StartRun(runs_pb2.StartRunRequest(prompt="Hi", model_name="mock-ai"))
    async with asyncio.timeout(10):
        await claimed.wait()
    draining = asyncio.ensure_future(worker.server.drain())
    await asyncio.wait([draining], timeout=0.3)  # what is awaited here is that it goes on
    assert not draining.done()
    answered.set()
    async with asyncio.timeout(10):
        await draining
    assert await column(agent, "SELECT owner IS NULL AND attempt = 0 AND status = 'running' FROM runs") == [True]


async def test_a_run_that_the_admitting_process_executes_is_taken_over_by_any_other(
    make_agent: Any, neighbours: tuple[Neighbours, dict[str, str]]
) -> None:
    """Without a queue, durability is the same."""
    fakes, _ = neighbours
    inline = await make_agent("all", use_stateless_pipeline=False)
    api = await make_agent("api")
    stub = api.stub(AgentRunsStub, "user")
    run = await inline.stub(AgentRunsStub, "user").StartRun(
        runs_pb2.StartRunRequest(prompt="[[say On it]] [[call slow {}]] [[step]] [[say Done]]", model_name="mock-ai")
    )
    await watch_until(stub, run.agent_run_id, lambda e: e.WhichOneof("event") == "tool_output")
    await make_agent("worker")
    await inline.server.drain()
    await until_there(api, "SELECT epoch = 2 AND owner IS NOT NULL FROM runs")
    fakes.tools.gate.set()
    events = await watch(stub, run.agent_run_id)
    assert events[-1].run_ended.status == "completed"
    assert fakes.tools.started == [f"{run.agent_run_id}:1:0"]
