"""Executions by key: one effect, whoever attaches, and only a cancellation or the deadline ends them."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from mesh.tools.v1 import tools_pb2 as pb

from services.kit.errors import MeshError, NotFound
from tests.integration.tools.world import Run, World, collect, until_output

RELEASE = "while [ ! -e go ]; do sleep 0.02; done"


def release(world: World, run: Run) -> None:
    (world.sandbox.workspace(run.project_id) / "go").touch()


async def until_begun(run: Run) -> None:
    """Until the row of the run's first call is there."""
    while True:
        with suppress(NotFound):
            await run.stub.GetExecution(pb.GetExecutionRequest(key=run.key()))
            return


async def test_pure_call_answers_with_its_result(run: Run) -> None:
    answer = await run.call("complete", {"text": "done"})
    assert answer.result.success
    assert answer.result.outcome == "succeeded"
    assert answer.value == {"status": "complete"}
    assert answer.result.ended_at.ToDatetime() >= answer.result.started_at.ToDatetime()


async def test_finished_key_returns_its_stored_result_and_output(world: World, run: Run) -> None:
    first = await run.call("execute_command", {"command": "echo once >> log; echo shown; echo err >&2"})
    again = await run.call("execute_command", {"command": "echo once >> log; echo shown; echo err >&2"})
    assert first.value["exit_code"] == 0
    assert again.result == first.result
    assert sorted(again.output.split()) == sorted(first.output.split()) == ["err", "shown"]
    assert (world.sandbox.workspace(run.project_id) / "log").read_text() == "once\n"


async def test_arguments_written_otherwise_are_the_same_call(run: Run) -> None:
    first = await run.call("ask", '{"text":"a","attachments":["b"]}')
    again = await run.call("ask", '{ "attachments": ["b"], "text": "\\u0061" }')
    assert again.result == first.result


async def test_fifty_concurrent_attaches_start_one_effect_and_see_all(world: World, run: Run) -> None:
    request = run.request("execute_command", {"command": f"echo first; {RELEASE}; echo last; echo x >> log"})
    calls = [asyncio.create_task(collect(run.stub.ExecuteTool(request))) for _ in range(50)]
    watching = run.stub.ExecuteTool(request)
    await until_output(watching, "first")
    release(world, run)
    answers = await asyncio.gather(*calls)
    assert {answer.output for answer in answers} == {"first\nlast\n"}
    assert len({answer.result.SerializeToString() for answer in answers}) == 1
    assert world.sandbox.processes.started.count(run.key()) == 1
    assert (world.sandbox.workspace(run.project_id) / "log").read_text() == "x\n"


async def test_lost_caller_does_not_stop_the_execution(world: World, run: Run) -> None:
    request = run.request("execute_command", {"command": f"echo begun; {RELEASE}; echo ended"})
    watching = run.stub.ExecuteTool(request)
    await until_output(watching, "begun")
    watching.cancel()
    state = await run.stub.GetExecution(pb.GetExecutionRequest(key=run.key()))
    assert state.state == "running"
    release(world, run)
    answer = await collect(run.stub.ExecuteTool(request))
    assert answer.output == "begun\nended\n"
    assert answer.value["output"] == "begun\nended\n"


async def test_same_key_with_another_call_is_a_conflict(run: Run) -> None:
    await run.call("ask", {"text": "a"})
    with pytest.raises(MeshError) as refused:
        await run.call("ask", {"text": "b"})
    assert refused.value.reason == "EXECUTION_CONFLICT"


async def test_older_epoch_than_the_rows_is_stale(run: Run) -> None:
    await run.call("ask", {"text": "a"}, epoch=3)
    await run.call("ask", {"text": "a"}, epoch=4)
    with pytest.raises(MeshError) as refused:
        await run.call("ask", {"text": "a"}, epoch=3)
    assert refused.value.reason == "STALE_EPOCH"
    with pytest.raises(MeshError) as refused:
        await run.cancel(epoch=3)
    assert refused.value.reason == "STALE_EPOCH"


async def test_higher_epoch_takes_the_attachment_over(world: World, run: Run) -> None:
    arguments = {"command": f"echo begun; {RELEASE}; echo ended"}
    old = run.stub.ExecuteTool(run.request("execute_command", arguments, epoch=1))
    await until_output(old, "begun")
    new = run.stub.ExecuteTool(run.request("execute_command", arguments, epoch=2))
    replayed = await until_output(new, "begun")
    with pytest.raises(MeshError) as refused:
        await collect(old)
    assert refused.value.reason == "STALE_EPOCH"
    release(world, run)
    answer = await collect(new)
    assert replayed + answer.output == "begun\nended\n"
    assert world.sandbox.processes.started.count(run.key()) == 1


async def test_cancel_kills_the_tree_and_answers_when_it_is_empty(world: World, run: Run) -> None:
    command = "(while true; do date +%s%N > alive; sleep 0.01; done) & echo begun; wait"
    watching = run.stub.ExecuteTool(run.request("execute_command", {"command": command}))
    await until_output(watching, "begun")
    result = await run.cancel()
    alive = world.sandbox.workspace(run.project_id) / "alive"
    last = alive.read_text() if alive.exists() else ""
    assert result.outcome == "cancelled"
    assert not result.success
    answer = await collect(watching)
    assert answer.result == result
    assert answer.value == {"output": "begun\n"}
    assert (await run.cancel()) == result
    assert (alive.read_text() if alive.exists() else "") == last


async def test_cancelled_unknown_key_refuses_a_late_start(world: World, run: Run) -> None:
    result = await run.cancel()
    assert result.outcome == "cancelled"
    answer = await run.call("execute_command", {"command": "touch made"})
    assert answer.result.outcome == "cancelled"
    assert not (world.sandbox.workspace(run.project_id) / "made").exists()


async def test_cancel_of_a_waiting_call_ends_it_at_once(run: Run) -> None:
    waiting = asyncio.create_task(run.call("wait", {"seconds": 300}))
    await until_begun(run)
    assert (await run.cancel()).outcome == "cancelled"
    assert (await waiting).result.outcome == "cancelled"


async def test_deadline_kills_the_command(world: World, run: Run) -> None:
    answer = await run.call("execute_command", {"command": "echo begun; sleep 60"}, timeout_s=2)
    assert answer.result.outcome == "timed_out"
    assert answer.value == {"output": "begun\n"}
    assert world.sandbox.processes.find(run.key()).state.state == "killed"


async def test_commands_own_timeout_is_a_result_that_says_so(run: Run) -> None:
    answer = await run.call("execute_command", {"command": "echo begun; sleep 60", "timeout": 2})
    assert answer.result.outcome == "timed_out"
    assert "after 2 s" in answer.result.error
    assert answer.value["output"] == "begun\n"


async def test_cut_stream_of_the_sandbox_is_attached_to_again_without_repeats(world: World, run: Run) -> None:
    world.sandbox.cuts = [1, 2, 0, 1]
    script = "for i in 1 2 3 4 5 6; do echo $i; sleep 0.05; done"
    answer = await run.call("execute_command", {"command": script})
    assert answer.result.success
    assert answer.output == "1\n2\n3\n4\n5\n6\n"
    assert world.sandbox.cuts == []
    assert world.sandbox.processes.started.count(run.key()) == 1


async def test_unknown_execution_is_not_found(run: Run) -> None:
    with pytest.raises(MeshError) as refused:
        await run.stub.GetExecution(pb.GetExecutionRequest(key=run.key()))
    assert refused.value.reason == "EXECUTION_NOT_FOUND"


async def test_huge_output_is_bounded_and_says_so(world: World, address: str, run: Run) -> None:
    answer = await run.call("execute_command", {"command": "head -c 5000000 /dev/zero | tr '\\0' a; echo end"})
    assert answer.result.success
    kept = answer.value["output"]
    assert len(kept) < 61_000
    assert kept.endswith("end\n")
    assert "characters left out" in kept
    assert len(answer.output) < 251_000
    assert "not shown live" in answer.output


async def test_binary_output_becomes_text(run: Run) -> None:
    answer = await run.call("execute_command", {"command": "printf '\\xe2\\x82'; printf '\\xac\\x00\\xff'"})
    assert answer.value["output"] == "€��"
    assert (await run.call("execute_command", {"command": "printf '\\xe2\\x82'; printf '\\xac\\x00\\xff'"})) == answer


async def test_key_with_nul_is_refused(run: Run) -> None:
    with pytest.raises(MeshError) as refused:
        await run.stub.GetExecution(pb.GetExecutionRequest(key="a\0b"))
    assert refused.value.http_status == 400


async def test_command_that_asks_for_more_time_than_the_default_gets_it(world: World) -> None:
    async with world.serve(mesh_tool_timeout_s=0.1) as address:
        run = world.run_at(address)
        answer = await run.call("execute_command", {"command": "sleep 0.5; echo done", "timeout": 30})
        short = await run.call("wait", {"seconds": 30}, ordinal=1)
    assert answer.value["output"] == "done\n"
    assert short.result.outcome == "timed_out"
