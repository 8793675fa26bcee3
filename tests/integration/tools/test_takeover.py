"""When the process of an execution dies, hangs or leaves: another goes on, as the tool's class allows."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from hashlib import sha256
from pathlib import Path

import orjson
import pytest
from mesh.tools.v1 import tools_pb2 as pb

from services.kit.errors import MeshError, NotFound
from services.kit.postgres import Database, open_database
from tests.integration.tools.test_executions import RELEASE, release, until_begun
from tests.integration.tools.world import Run, World, collect, until_output
from tests.support.postgres import EmbeddedPostgres

REPOSITORY = Path(__file__).parents[3]


class ToolsProcess:
    """`python -m services.tools`, to be killed."""

    def __init__(self, process: asyncio.subprocess.Process, address: str) -> None:
        self.process = process
        self.address = address

    async def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return await self.process.wait()


@asynccontextmanager
async def tools_process(world: World, **variables: str) -> AsyncIterator[ToolsProcess]:
    """The service as an operating system process of its own."""
    environment = {
        "DATABASE_URL": world.database_url,
        "MESH_SANDBOX_URL": world.sandbox_address,
        "MESH_KEYS_DIR": str(world.directory / "keys"),
        "MESH_DRAIN_S": "1",
        "PYTHONPATH": f"{REPOSITORY}:{REPOSITORY / 'protos/gen'}",
        "PATH": "/usr/bin:/bin",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.tools",
        cwd=world.directory,
        env=environment | variables,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    log = process.stdout
    address = ""
    while not address:
        address = orjson.loads(await log.readline()).get("address", "")
    reading = asyncio.create_task(log.read())
    try:
        yield ToolsProcess(process, address)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        await reading


@pytest.fixture
async def database(world: World) -> AsyncIterator[Database]:
    async with open_database(world.settings()) as opened:
        yield opened


async def abandon(database: Database, world: World, run: Run, function: str, arguments: object) -> None:
    """Leaves the row of a call as a process would that died just after it had begun."""
    async with world.serve() as address:
        await world.run_at(address, run).call(function, arguments)
    await database.execute(
        """UPDATE executions SET state = 'running', outcome = NULL, output_json = NULL, error = NULL, ended_at = NULL,
           owner = 'dead', lease_until = now() - interval '1 second' WHERE key = $1""",
        run.key(),
    )


async def test_command_survives_kill_9_of_tools_and_is_attached_to_again(world: World) -> None:
    async with tools_process(world) as first, tools_process(world) as second:
        run = world.run_at(first.address)
        arguments = {"command": f"echo begun; {RELEASE}; echo ended; echo x >> log"}
        watching = run.stub.ExecuteTool(run.request("execute_command", arguments))
        await until_output(watching, "begun")
        await first.end(signal.SIGKILL)
        with pytest.raises(MeshError):
            await collect(watching)
        run = world.run_at(second.address, run)
        attached = run.stub.ExecuteTool(run.request("execute_command", arguments, epoch=2))
        replayed = await until_output(attached, "begun")
        release(world, run)
        answer = await collect(attached)
    assert answer.result.success
    assert replayed + answer.output == answer.value["output"] == "begun\nended\n"
    assert world.sandbox.processes.started.count(run.key()) == 1
    assert (world.sandbox.workspace(run.project_id) / "log").read_text() == "x\n"


async def test_command_that_ended_while_tools_was_down_is_told_whole(world: World, database: Database) -> None:
    async with tools_process(world) as first:
        run = world.run_at(first.address)
        arguments = {"command": f"echo begun; {RELEASE}; echo ended"}
        watching = run.stub.ExecuteTool(run.request("execute_command", arguments))
        await until_output(watching, "begun")
        await first.end(signal.SIGKILL)
    release(world, run)
    await world.sandbox.processes.find(run.key()).ended.wait()
    async with world.serve() as address:
        answer = await world.run_at(address, run).call("execute_command", arguments, epoch=2)
    assert answer.result.success
    assert answer.output == "begun\nended\n"


async def test_sigterm_hands_a_command_over_and_ends_at_once(world: World) -> None:
    async with tools_process(world) as first, world.serve() as second:
        run = world.run_at(first.address)
        arguments = {"command": f"echo begun; {RELEASE}; echo ended"}
        watching = run.stub.ExecuteTool(run.request("execute_command", arguments))
        await until_output(watching, "begun")
        ending = asyncio.create_task(first.end(signal.SIGTERM))
        with pytest.raises(MeshError) as moved:
            await collect(watching)
        assert moved.value.reason == "EXECUTION_MOVED"
        attached = world.run_at(second, run).stub.ExecuteTool(run.request("execute_command", arguments))
        await until_output(attached, "begun")
        release(world, run)
        assert (await collect(attached)).result.success
        assert await ending == 0


async def test_cancel_after_a_restart_kills_what_the_dead_process_started(world: World) -> None:
    async with tools_process(world) as first, world.serve() as second:
        run = world.run_at(first.address)
        watching = run.stub.ExecuteTool(run.request("execute_command", {"command": "echo begun; sleep 600"}))
        await until_output(watching, "begun")
        await first.end(signal.SIGKILL)
        result = await world.run_at(second, run).cancel(epoch=2)
    assert result.outcome == "cancelled"
    assert world.sandbox.processes.find(run.key()).state.state == "killed"


async def test_cancel_reaches_a_live_other_process(world: World) -> None:
    async with world.serve() as first, world.serve() as second:
        run = world.run_at(first)
        watching = run.stub.ExecuteTool(run.request("execute_command", {"command": "echo begun; sleep 600"}))
        await until_output(watching, "begun")
        result = await world.run_at(second, run).cancel()
        answer = await collect(watching)
    assert result.outcome == "cancelled"
    assert answer.result == result
    assert world.sandbox.processes.find(run.key()).state.state == "killed"


async def test_two_processes_asked_at_once_start_one_effect(world: World) -> None:
    async with world.serve() as first, world.serve() as second:
        run = world.run_at(first)
        request = run.request("execute_command", {"command": "echo x >> log; echo shown"})
        stubs = [run.stub, world.run_at(second, run).stub] * 5
        answers = await asyncio.gather(*(collect(stub.ExecuteTool(request)) for stub in stubs), return_exceptions=True)
    told = [answer for answer in answers if not isinstance(answer, BaseException)]
    moved = [answer for answer in answers if isinstance(answer, MeshError)]
    assert {answer.output for answer in told} == {"shown\n"}
    assert {error.reason for error in moved} <= {"EXECUTION_MOVED"}
    assert (world.sandbox.workspace(run.project_id) / "log").read_text() == "x\n"


async def test_call_waits_for_the_result_of_a_live_other_process(world: World) -> None:
    async with world.serve() as first, world.serve() as second:
        run = world.run_at(first)
        mine = asyncio.create_task(run.call("wait", {"seconds": 1}))
        await until_begun(run)
        other = await world.run_at(second, run).call("wait", {"seconds": 1}, epoch=2)
        answer = await mine
    assert other.result.success
    assert answer.result == other.result


async def test_file_creation_that_was_begun_before_is_not_done_twice(world: World, database: Database) -> None:
    run = world.run_at("unused")
    arguments = {"file_path": "a.txt", "file_contents": "hello"}
    await abandon(database, world, run, "create_file", arguments)
    async with world.serve() as address:
        answer = await world.run_at(address, run).call("create_file", arguments, epoch=2)
    assert answer.result.success


@pytest.mark.parametrize("before_the_crash", ["x = 1\n", "xx = 1\n"])
async def test_edit_that_was_begun_before_is_done_exactly_once(
    world: World, database: Database, before_the_crash: str
) -> None:
    run = world.run_at("unused")
    path = world.sandbox.workspace(run.project_id) / "a.txt"
    path.write_text("x = 1\n")
    arguments = {"file_path": "a.txt", "old_str": "x", "new_str": "xx"}
    await abandon(database, world, run, "str_replace", arguments)
    note = sha256(b"xx = 1\n").hexdigest()
    await database.execute("UPDATE executions SET note = $2 WHERE key = $1", run.key(), note)
    path.write_text(before_the_crash)
    async with world.serve() as address:
        answer = await world.run_at(address, run).call("str_replace", arguments, epoch=2)
    assert answer.result.success
    assert path.read_text() == "xx = 1\n"


async def test_change_that_the_sandbox_did_not_answer_for_is_unknown(world: World) -> None:
    async with world.serve() as address:
        world.sandbox.away = 100
        answer = await world.run_at(address).call("create_file", {"file_path": "a.txt", "file_contents": "a"})
    assert answer.result.outcome == "unknown"
    assert "may or may not" in answer.result.error


async def test_paused_process_that_wakes_up_stores_nothing_over_its_successor(world: World) -> None:
    async with tools_process(world) as first, tools_process(world) as second:
        run = world.run_at(first.address)
        paused = asyncio.create_task(run.call("wait", {"seconds": 1}))
        await until_begun(run)
        first.process.send_signal(signal.SIGSTOP)
        taken = await world.run_at(second.address, run).call("wait", {"seconds": 1}, epoch=2)
        first.process.send_signal(signal.SIGCONT)
        woken = (await asyncio.gather(paused, return_exceptions=True))[0]
    assert taken.result.success
    assert isinstance(woken, MeshError)
    assert woken.reason == "EXECUTION_MOVED"


async def test_result_outlives_an_outage_of_postgres(world: World, private_postgres: EmbeddedPostgres) -> None:
    async with world.serve(database_url=private_postgres.create_database()) as address:
        run = world.run_at(address)
        arguments = {"command": f"echo begun; {RELEASE}; echo x >> log"}
        watching = run.stub.ExecuteTool(run.request("execute_command", arguments))
        await until_output(watching, "begun")
        private_postgres.kill()
        release(world, run)
        await world.sandbox.processes.find(run.key()).ended.wait()
        with pytest.raises(MeshError) as refused:
            await run.call("ask", {"text": "a"}, ordinal=1)
        private_postgres.start()
        answer = await collect(watching)
        again = await run.call("execute_command", arguments)
    assert refused.value.http_status == 503
    assert answer.result.success
    assert again.result == answer.result
    assert (world.sandbox.workspace(run.project_id) / "log").read_text() == "x\n"


async def test_task_list_change_that_was_begun_before_happens_once(world: World, database: Database) -> None:
    run = world.run_at("unused")
    arguments = {"sections": [{"title": "Plan", "tasks": ["a", "b"]}]}
    async with world.serve() as address:
        first = await world.run_at(address, run).call("create_tasks", arguments)
    await database.execute(
        """UPDATE executions SET state = 'running', outcome = NULL, output_json = NULL, ended_at = NULL,
           note = output_json, owner = 'dead', lease_until = now() - interval '1 second' WHERE key = $1""",
        run.key(),
    )
    async with world.serve() as address:
        again = await world.run_at(address, run).call("create_tasks", arguments, epoch=2)
        viewed = await world.run_at(address, run).call("view_tasks", ordinal=1)
    assert again.value == first.value
    assert viewed.value["total_tasks"] == 2


async def test_row_of_a_dead_process_past_its_deadline_is_settled_though_nobody_asks(
    world: World, database: Database
) -> None:
    run = world.run_at("unused")
    await abandon(database, world, run, "ask", {"text": "a"})
    await database.execute("UPDATE executions SET deadline = now() - interval '1 hour' WHERE key = $1", run.key())
    async with world.serve(mesh_tool_sweep_s=0.05) as address:
        stub = world.run_at(address, run).stub
        while (state := await stub.GetExecution(pb.GetExecutionRequest(key=run.key()))).state == "running":
            pass
    assert state.result.outcome == "timed_out"


async def test_old_results_are_pruned_and_running_ones_are_not(world: World, database: Database) -> None:
    run, running = world.run_at("unused"), world.run_at("unused")
    await abandon(database, world, running, "ask", {"text": "a"})
    async with world.serve() as address:
        await world.run_at(address, run).call("ask", {"text": "a"})
    await database.execute(
        """UPDATE executions SET started_at = now() - interval '31 days',
           ended_at = CASE WHEN ended_at IS NULL THEN NULL ELSE now() - interval '31 days' END"""
    )
    async with world.serve() as address:
        stub = world.run_at(address, run).stub
        with suppress(NotFound):
            while True:
                await stub.GetExecution(pb.GetExecutionRequest(key=run.key()))
        kept = await stub.GetExecution(pb.GetExecutionRequest(key=running.key()))
    assert kept.state == "running"
