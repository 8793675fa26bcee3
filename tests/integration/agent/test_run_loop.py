"""A run from its start to its terminal, over real Postgres and Redis."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from mesh.agent.v1 import runs_pb2
from mesh.agent.v1.runs_pb2_grpc import AgentRunsStub

from tests.fakes.neighbours import Neighbours
from tests.integration.agent.watching import kinds, watch


async def test_a_message_becomes_a_run_that_answers_is_stored_and_charged(
    make_agent: Any, neighbours: tuple[Neighbours, dict[str, str]]
) -> None:
    fakes, _ = neighbours
    agent = await make_agent()
    stub = agent.stub(AgentRunsStub, "user")
    started = await stub.StartRun(runs_pb2.StartRunRequest(prompt="[[say Hello there]]", model_name="mock-ai"))
    events = await watch(stub, started.agent_run_id)
    assert kinds(events)[0] == "ack"
    assert kinds(events)[-1] == "run_ended"
    assert events[-1].run_ended.status == "completed"
    assert "".join(e.text_chunk.text for e in events) == "Hello there"
    ids = [(e.epoch, e.n) for e in events]
    assert ids == sorted(set(ids))
    said = fakes.threads.told(started.thread_id, "user", "assistant")
    assert [row["role"] for row in said] == ["user", "assistant"]
    assert said[1]["content"] == "Hello there"
    assert list(fakes.billing.posts) == [f"post:{started.agent_run_id}:1"]
    assert fakes.billing.released == {started.agent_run_id}


async def test_a_tool_call_is_executed_and_its_result_is_shown_to_the_model(
    make_agent: Any, neighbours: tuple[Neighbours, dict[str, str]]
) -> None:
    fakes, _ = neighbours
    stub = (await make_agent()).stub(AgentRunsStub, "user")
    prompt = '[[say Working]] [[call echo {"a": 1}]] [[step]] [[say Done]]'
    started = await stub.StartRun(
        runs_pb2.StartRunRequest(thread_id=str(uuid4()), optimistic=True, prompt=prompt, model_name="mock-ai")
    )
    events = await watch(stub, started.agent_run_id)
    assert events[-1].run_ended.status == "completed"
    rows = fakes.threads.told(started.thread_id, "user", "assistant", "tool")
    assert [row["role"] for row in rows] == ["user", "assistant", "tool", "assistant"]
    assert rows[2]["metadata"]["result"] == {"success": True, "output": {"a": 1}, "error": None}
    assert rows[3]["content"] == "Done"
    assert fakes.tools.started == [f"{started.agent_run_id}:1:0"]
    assert len(fakes.billing.posts) == 2
