"""The calls of an answer: together or one after the other, early or not, well or badly."""

from __future__ import annotations

from typing import Any

from mesh.agent.v1.runs_pb2_grpc import AgentRunsStub

from tests.fakes.neighbours import Neighbours
from tests.integration.agent.watching import eventually, kinds, start, watch, watch_until

Fakes = tuple[Neighbours, dict[str, str]]


async def test_two_tools_run_together_and_their_results_are_one_step(make_agent: Any, neighbours: Fakes) -> None:
    fakes, _ = neighbours
    stub = (await make_agent()).stub(AgentRunsStub, "user")
    run = await start(stub, '[[call slow {"n": 0}]] [[call echo {"n": 1}]] [[step]] [[say Done]]')
    await watch_until(stub, run.agent_run_id, lambda e: e.WhichOneof("event") == "tool_completed")
    assert set(fakes.tools.started) == {f"{run.agent_run_id}:1:0", f"{run.agent_run_id}:1:1"}
    fakes.tools.gate.set()
    events = await watch(stub, run.agent_run_id)
    assert events[-1].run_ended.status == "completed"
    rows = fakes.threads.told(run.thread_id, "assistant", "tool")
    assert [row["role"] for row in rows] == ["assistant", "tool", "tool", "assistant"]
    asked = [call["id"] for call in rows[0]["tool_calls"]]
    assert {row["tool_call_id"] for row in rows[1:3]} == set(asked)
    assert len(fakes.billing.posts) == 2
    finished = [event.step_finished for event in events if event.WhichOneof("event") == "step_finished"]
    assert [(step.step, step.tools_executed) for step in finished] == [(1, True), (2, False)]


async def test_in_sequence_a_call_begins_when_the_one_before_it_is_done(make_agent: Any, neighbours: Fakes) -> None:
    fakes, _ = neighbours
    stub = (await make_agent(agent_tool_execution_strategy="sequential")).stub(AgentRunsStub, "user")
    run = await start(stub, '[[call slow {"n": 0}]] [[call echo {"n": 1}]] [[step]] [[say Done]]')
    await watch_until(stub, run.agent_run_id, lambda e: e.WhichOneof("event") == "assistant_complete")
    await eventually(lambda: bool(fakes.tools.started))
    assert fakes.tools.started == [f"{run.agent_run_id}:1:0"]
    fakes.tools.gate.set()
    events = await watch(stub, run.agent_run_id)
    assert events[-1].run_ended.status == "completed"
    order = [
        (event.WhichOneof("event"), getattr(event, event.WhichOneof("event")).tool_index)
        for event in events
        if event.WhichOneof("event") in ("tool_started", "tool_finished")
    ]
    assert order == [("tool_started", 0), ("tool_finished", 0), ("tool_started", 1), ("tool_finished", 1)]


async def test_a_call_may_wait_for_the_whole_answer(make_agent: Any, neighbours: Fakes) -> None:
    fakes, _ = neighbours
    stub = (await make_agent(agent_execute_on_stream=False)).stub(AgentRunsStub, "user")
    run = await start(stub, "[[call echo {}]] [[delay 5ms]] [[tokens 20]] [[step]] [[say Done]]")
    events = await watch(stub, run.agent_run_id)
    assert events[-1].run_ended.status == "completed"
    seen = kinds(events)
    assert seen.index("tool_started") > seen.index("assistant_complete")
    assert fakes.tools.started == [f"{run.agent_run_id}:1:0"]


async def test_a_call_begins_while_the_answer_streams(make_agent: Any) -> None:
    stub = (await make_agent()).stub(AgentRunsStub, "user")
    run = await start(stub, "[[call echo {}]] [[delay 10ms]] [[tokens 50]] [[step]] [[say Done]]")
    events = await watch(stub, run.agent_run_id)
    seen = kinds(events)
    assert seen.index("tool_started") < seen.index("assistant_complete") < seen.index("tool_completed")


async def test_a_tool_that_fails_is_told_to_the_model_and_the_run_goes_on(make_agent: Any, neighbours: Fakes) -> None:
    fakes, _ = neighbours
    stub = (await make_agent()).stub(AgentRunsStub, "user")
    run = await start(stub, "[[call fail {}]] [[call nonsense {}]] [[step]] [[say Done]]")
    events = await watch(stub, run.agent_run_id)
    assert events[-1].run_ended.status == "completed"
    rows = fakes.threads.told(run.thread_id, "assistant", "tool")
    assert [row["role"] for row in rows] == ["assistant", "tool", "tool", "assistant"]
    for name, row in zip(("fail", "nonsense"), sorted(rows[1:3], key=lambda row: row["name"]), strict=True):
        assert row["content"] == f"Error: {name} failed"
        assert row["metadata"]["result"] == {"success": False, "output": None, "error": f"{name} failed"}
    done = [event.tool_completed for event in events if event.WhichOneof("event") == "tool_completed"]
    assert [call.success for call in done] == [False, False]


async def test_a_terminating_tool_ends_the_run(make_agent: Any, neighbours: Fakes) -> None:
    fakes, _ = neighbours
    stub = (await make_agent()).stub(AgentRunsStub, "user")
    run = await start(stub, "[[say Bye]] [[call complete {}]] [[step]] [[say never]]")
    events = await watch(stub, run.agent_run_id)
    assert (events[-1].run_ended.status, events[-1].run_ended.reason) == ("completed", "terminating_tool")
    assert len(fakes.billing.posts) == 1
    await eventually(lambda: run.agent_run_id in fakes.billing.released)


async def test_arguments_that_can_not_be_stored_as_they_are_do_not_break_the_run(
    make_agent: Any, neighbours: Fakes
) -> None:
    fakes, _ = neighbours
    stub = (await make_agent()).stub(AgentRunsStub, "user")
    run = await start(stub, r'[[call echo {"a": "\ud83d", "b": "\u0000"}]] [[step]] [[say Done]]')
    events = await watch(stub, run.agent_run_id)
    assert events[-1].run_ended.status == "completed"
    assert events[-1].epoch == 1
    rows = fakes.threads.told(run.thread_id, "tool")
    assert len(rows) == 1


async def test_a_run_that_may_not_call_tools_is_given_none(make_agent: Any, neighbours: Fakes) -> None:
    fakes, _ = neighbours
    fakes.tools.away = True
    stub = (await make_agent(agent_native_tool_calling=False)).stub(AgentRunsStub, "user")
    run = await start(stub, "[[say Done]]")
    events = await watch(stub, run.agent_run_id)
    assert events[-1].run_ended.status == "completed"


async def test_a_run_ends_at_its_limit_of_steps(make_agent: Any, neighbours: Fakes) -> None:
    stub = (await make_agent()).stub(AgentRunsStub, "user")
    run = await start(stub, "[[repeat 5]] [[call echo {}]]", max_steps=2)
    events = await watch(stub, run.agent_run_id)
    assert (events[-1].run_ended.status, events[-1].run_ended.reason) == ("completed", "max_steps")
    assert len(neighbours[0].billing.posts) == 2
