"""Stop: durable before it is answered, down to the model and the tools, with one terminal and what was shown kept."""

from __future__ import annotations

import time
from typing import Any

from mesh.agent.v1 import runs_pb2
from mesh.agent.v1.runs_pb2_grpc import AgentRunsStub

from tests.fakes.neighbours import Neighbours
from tests.integration.agent.watching import eventually, kinds, told, watch, watch_until


async def test_a_stop_while_the_model_streams_keeps_the_text_and_ends_within_a_second(
    make_agent: Any, neighbours: tuple[Neighbours, dict[str, str]]
) -> None:
    fakes, _ = neighbours
    stub = (await make_agent()).stub(AgentRunsStub, "user")
    run = await stub.StartRun(runs_pb2.StartRunRequest(prompt="[[delay 20ms]] [[tokens 2000]]", model_name="mock-ai"))
    await watch_until(stub, run.agent_run_id, lambda e: e.WhichOneof("event") == "text_chunk")
    asked = time.monotonic()
    answer = await stub.StopRun(runs_pb2.StopRunRequest(agent_run_id=run.agent_run_id))
    assert answer.status == "stopped"
    events = await watch(stub, run.agent_run_id)
    assert time.monotonic() - asked < 1.0
    assert events[-1].run_ended.status == "stopped"
    assert kinds(events).count("run_ended") == 1
    (row,) = fakes.threads.told(run.thread_id, "assistant")
    assert row["content"]
    assert told(events)[row["message_id"]] == row["content"]
    (charge,) = fakes.billing.posts.values()
    assert charge.estimated
    assert charge.completion_tokens > 0
    await eventually(lambda: run.agent_run_id in fakes.billing.released)


async def test_a_stop_while_a_tool_runs_cancels_it_and_tells_its_result(
    make_agent: Any, neighbours: tuple[Neighbours, dict[str, str]]
) -> None:
    fakes, _ = neighbours
    stub = (await make_agent()).stub(AgentRunsStub, "user")
    run = await stub.StartRun(runs_pb2.StartRunRequest(prompt="[[say On it]] [[call slow {}]]", model_name="mock-ai"))
    await watch_until(stub, run.agent_run_id, lambda e: e.WhichOneof("event") == "tool_output")
    await stub.StopRun(runs_pb2.StopRunRequest(agent_run_id=run.agent_run_id))
    events = await watch(stub, run.agent_run_id)
    assert events[-1].run_ended.status == "stopped"
    assert fakes.tools.cancelled == [f"{run.agent_run_id}:1:0"]
    rows = fakes.threads.told(run.thread_id, "assistant", "tool")
    assert [row["role"] for row in rows] == ["assistant", "tool"]
    assert rows[1]["metadata"]["result"]["success"] is False


async def test_a_stop_while_the_answer_streams_drops_its_unfinished_call(
    make_agent: Any, neighbours: tuple[Neighbours, dict[str, str]]
) -> None:
    fakes, _ = neighbours
    stub = (await make_agent()).stub(AgentRunsStub, "user")
    prompt = "[[say On it]] [[call slow {}]] [[wait 30]]"
    run = await stub.StartRun(runs_pb2.StartRunRequest(prompt=prompt, model_name="mock-ai"))
    await watch_until(stub, run.agent_run_id, lambda e: e.WhichOneof("event") == "tool_output")
    await stub.StopRun(runs_pb2.StopRunRequest(agent_run_id=run.agent_run_id))
    events = await watch(stub, run.agent_run_id)
    assert events[-1].run_ended.status == "stopped"
    assert fakes.tools.cancelled
    (row,) = fakes.threads.told(run.thread_id, "assistant", "tool")
    assert row["content"] == "On it"
    assert "tool_calls" not in row


async def test_a_queued_run_is_stopped_in_the_statement_that_asks_for_it(
    make_agent: Any, neighbours: tuple[Neighbours, dict[str, str]]
) -> None:
    fakes, _ = neighbours
    stub = (await make_agent("api")).stub(AgentRunsStub, "user")
    run = await stub.StartRun(runs_pb2.StartRunRequest(prompt="[[say never]]", model_name="mock-ai"))
    answer = await stub.StopRun(runs_pb2.StopRunRequest(agent_run_id=run.agent_run_id))
    assert answer.status == "stopped"
    events = await watch(stub, run.agent_run_id)
    assert kinds(events) == ["ack", "run_ended"]
    await eventually(lambda: run.agent_run_id in fakes.billing.released)


async def test_a_stop_of_an_ended_run_tells_how_it_ended(
    make_agent: Any, neighbours: tuple[Neighbours, dict[str, str]]
) -> None:
    stub = (await make_agent()).stub(AgentRunsStub, "user")
    run = await stub.StartRun(runs_pb2.StartRunRequest(prompt="[[say done]]", model_name="mock-ai"))
    await watch(stub, run.agent_run_id)
    answer = await stub.StopRun(runs_pb2.StopRunRequest(agent_run_id=run.agent_run_id))
    assert answer.status == "completed"
