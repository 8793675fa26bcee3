"""kill -9 of a worker: another takes its run over, and nothing is lost, told twice or paid twice."""

from __future__ import annotations

import time
from typing import Any

import pytest
from mesh.agent.v1 import runs_pb2
from mesh.agent.v1.runs_pb2_grpc import AgentRunsStub

from tests.fakes.neighbours import Neighbours
from tests.integration.agent.watching import (
    eventually,
    ids,
    kinds,
    told,
    watch,
    watch_until,
    worker_process,
)


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
        killed = time.monotonic()
        async with worker_process(agent.settings):
            events = await watch(stub, run.agent_run_id)
    assert time.monotonic() - killed < 20
    assert before[-1].epoch == 1
    assert ids(events) == sorted(set(ids(events)))
    resets = [event.message_reset for event in events if event.WhichOneof("event") == "message_reset"]
    assert resets[-1].reason == "takeover"
    assert kinds(events).count("run_ended") == 1
    (row,) = fakes.threads.told(run.thread_id, "assistant")
    assert told(events)[row["message_id"]] == row["content"]
    assert ["waste" in key for key in sorted(fakes.billing.posts)] == [False, True]
    assert fakes.billing.released == {run.agent_run_id}


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
