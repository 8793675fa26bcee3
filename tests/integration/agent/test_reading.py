"""Who may see which runs, page by page."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from mesh.agent.v1 import runs_pb2
from mesh.agent.v1.runs_pb2_grpc import AgentInternalStub, AgentRunsStub

from services.kit.errors import NotFound, PermissionDenied
from tests.fakes.neighbours import Neighbours
from tests.integration.agent.watching import kinds, start, watch

Fakes = tuple[Neighbours, dict[str, str]]


async def test_a_threads_runs_come_newest_first_page_by_page(make_agent: Any) -> None:
    stub = (await make_agent("api")).stub(AgentRunsStub, "user")
    first = await start(stub, "[[say 0]]")
    made = [first] + [await start(stub, f"[[say {n}]]", thread_id=first.thread_id) for n in range(1, 5)]
    pages: list[list[str]] = []
    token = ""
    while not pages or token:
        request = runs_pb2.ListThreadRunsRequest(thread_id=first.thread_id, limit=2, page_token=token)
        page = await stub.ListThreadRuns(request)
        pages.append([row.id for row in page.agent_runs])
        token = page.next_page_token
    assert [len(page) for page in pages] == [2, 2, 1]
    assert [run_id for page in pages for run_id in page] == [run.agent_run_id for run in reversed(made)]


async def test_a_page_that_is_just_full_is_the_last(make_agent: Any) -> None:
    stub = (await make_agent("api")).stub(AgentRunsStub, "user")
    run = await start(stub, "[[say 0]]")
    page = await stub.ListThreadRuns(runs_pb2.ListThreadRunsRequest(thread_id=run.thread_id, limit=1))
    assert [row.id for row in page.agent_runs] == [run.agent_run_id]
    assert page.next_page_token == ""


async def test_a_stranger_finds_nothing(make_agent: Any) -> None:
    agent = await make_agent("api")
    run = await start(agent.stub(AgentRunsStub, "user"), "[[say 0]]")
    for caller in ("other", "anonymous"):
        with pytest.raises(NotFound) as caught:
            await watch(agent.stub(AgentRunsStub, caller), run.agent_run_id)
        assert (caught.value.reason, caught.value.params) == ("RUN_NOT_FOUND", {"agent_run_id": run.agent_run_id})
    with pytest.raises(NotFound) as unknown:
        await watch(agent.stub(AgentRunsStub, "user"), str(uuid4()))
    assert unknown.value.reason == "RUN_NOT_FOUND"


async def test_what_is_public_may_be_watched_by_anybody_and_stopped_by_its_owner_alone(
    make_agent: Any, neighbours: Fakes
) -> None:
    agent = await make_agent()
    run = await start(agent.stub(AgentRunsStub, "user"), "[[say 0]]")
    neighbours[0].threads.public.add(run.thread_id)
    assert kinds(await watch(agent.stub(AgentRunsStub, "anonymous"), run.agent_run_id))[-1] == "run_ended"
    stop = runs_pb2.StopRunRequest(agent_run_id=run.agent_run_id)
    with pytest.raises(PermissionDenied) as caught:
        await agent.stub(AgentRunsStub, "other").StopRun(stop)
    assert caught.value.reason == "READ_ONLY_PROJECT"


async def test_a_run_is_told_alike_by_every_view_of_it(make_agent: Any) -> None:
    agent = await make_agent()
    stub = agent.stub(AgentRunsStub, "user")
    run = await start(stub, "[[say 0]]")
    assert run.status == "running"
    await watch(stub, run.agent_run_id)
    run_id = run.agent_run_id
    typed = (await stub.GetRun(runs_pb2.GetRunRequest(agent_run_id=run_id))).run
    status = await stub.GetRunStatus(runs_pb2.GetRunStatusRequest(agent_run_id=run_id))
    summary = await stub.GetRunSummary(runs_pb2.GetRunSummaryRequest(agent_run_id=run_id))
    (row,) = (await stub.ListThreadRuns(runs_pb2.ListThreadRunsRequest(thread_id=run.thread_id))).agent_runs
    assert [typed.status, status.status, summary.status, row.status] == ["completed"] * 4
    assert (typed.epoch, typed.steps, typed.model_name) == (1, 1, "mock-ai")
    assert (summary.id, summary.threadId) == (run_id, run.thread_id)
    assert not status.HasField("error")


async def test_live_runs_are_listed_and_counted_until_they_end(make_agent: Any) -> None:
    agent = await make_agent("api")
    stub, internal = agent.stub(AgentRunsStub, "user"), agent.stub(AgentInternalStub, "service:gateway")
    run = await start(stub, "[[say 0]]")
    owner = (await stub.GetRun(runs_pb2.GetRunRequest(agent_run_id=run.agent_run_id))).run.account_id
    listed = await stub.ListActiveRuns(runs_pb2.ListActiveRunsRequest())
    assert [row.id for row in listed.active_runs] == [run.agent_run_id]
    count = runs_pb2.CountActiveRunsRequest(account_id=owner)
    assert (await internal.CountActiveRuns(count)).running_count == 1
    assert (await internal.GetRunStats(runs_pb2.GetRunStatsRequest())).queued == 1
    await stub.StopRun(runs_pb2.StopRunRequest(agent_run_id=run.agent_run_id))
    assert not (await stub.ListActiveRuns(runs_pb2.ListActiveRunsRequest())).active_runs
    assert (await internal.CountActiveRuns(count)).running_count == 0
