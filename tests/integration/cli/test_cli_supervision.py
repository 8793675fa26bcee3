"""A mesh of real PostgreSQL and Redis and one fake service: what kills it, and what is left."""

from __future__ import annotations

import asyncio
import os
import signal
import socket

from services.cli.layout import DataDir
from services.cli.state import PartState, Phase
from tests.integration.cli.conftest import Start, pid_of, processes_below, state_of

_MESH = "tests.integration.cli.fake_mesh"
_CLI = "services.cli"


async def nothing_is_left(data: DataDir) -> None:
    async with asyncio.timeout(60):
        while processes_below(data):
            await asyncio.sleep(0.05)


async def test_sigterm_stops_every_part_in_reverse_order_and_exits_0(start: Start, data: DataDir) -> None:
    mesh = await start(_MESH, "well")
    await mesh.says("ready to use")

    mesh.signal(signal.SIGTERM)

    assert await mesh.ends() == 0
    assert mesh.said.index("service stopped") < mesh.said.index("postgres stopped")
    assert processes_below(data) == []
    assert state_of(data).phase is Phase.STOPPED


async def test_ctrl_c_exits_0(start: Start) -> None:
    mesh = await start(_MESH, "well")
    await mesh.says("ready to use")

    mesh.signal(signal.SIGINT)

    assert await mesh.ends() == 0


async def test_a_part_that_is_killed_is_started_again_and_both_are_said(start: Start, data: DataDir) -> None:
    mesh = await start(_MESH, "well")
    await mesh.says("ready to use")

    for part in ("service", "redis", "postgres"):
        before = pid_of(data, part)
        os.kill(before, signal.SIGKILL)
        await mesh.says(f"{part} killed by SIGKILL: starting it again in")
        await mesh.says(f"{part} is healthy again")
        assert pid_of(data, part) != before
        assert state_of(data).parts[part].state is PartState.HEALTHY

    assert state_of(data).parts["postgres"].restarts >= 1


async def test_a_part_that_keeps_dying_ends_the_mesh_with_its_last_words(start: Start, data: DataDir) -> None:
    mesh = await start(_MESH, "mortal")

    assert await mesh.ends() == 1
    assert "service died 5 times in 60 s; the last time it exited with code 7" in mesh.said
    assert "no reason to live" in mesh.said.partition("the last lines of service:")[2]
    assert processes_below(data) == []
    assert state_of(data).phase is Phase.FAILED


async def test_a_wrong_configuration_is_not_tried_twice(start: Start) -> None:
    mesh = await start(_MESH, "wrong")

    assert await mesh.ends() == 1
    assert mesh.said.count("| THIS is not set") == 1


async def test_nothing_is_left_when_the_supervisor_is_killed_outright(start: Start, data: DataDir) -> None:
    mesh = await start(_MESH, "well")
    await mesh.says("ready to use")

    mesh.signal(signal.SIGKILL)

    await mesh.ends()
    await nothing_is_left(data)


async def test_the_next_start_ends_what_was_left_and_keeps_ports_and_data(start: Start, data: DataDir) -> None:
    mesh = await start(_MESH, "stubborn")
    await mesh.says("not going")
    before = state_of(data)
    mesh.signal(signal.SIGKILL)
    await mesh.ends()
    assert before.parts["service"].process is not None
    assert before.parts["service"].process.alive()

    mesh = await start(_MESH, "well")

    await mesh.says("left over from a mesh that was cut off")
    await mesh.says("ready to use")
    assert not before.parts["service"].process.alive()
    assert state_of(data).ports == before.ports


async def test_down_ends_what_a_mesh_that_was_cut_off_has_left(start: Start, data: DataDir) -> None:
    mesh = await start(_MESH, "stubborn")
    await mesh.says("not going")
    mesh.signal(signal.SIGKILL)
    await mesh.ends()

    down = await start(_CLI, "down")

    assert await down.ends() == 0
    assert "ended what a mesh that was cut off had left: service" in down.said
    await nothing_is_left(data)


async def test_down_stops_a_mesh_that_runs(start: Start, data: DataDir) -> None:
    mesh = await start(_MESH, "well")
    await mesh.says("ready to use")

    down = await start(_CLI, "down")

    assert await down.ends() == 0
    assert await mesh.ends() == 0
    assert processes_below(data) == []


async def test_a_second_start_says_where_the_first_runs(start: Start) -> None:
    mesh = await start(_MESH, "well")
    await mesh.says("ready to use")

    for arguments in (("up",), ("up", "--detach")):
        second = await start(_CLI, *arguments)
        assert await second.ends() == 0
        assert "running already at http://127.0.0.1:" in second.said


async def test_status_tells_pids_health_and_restarts(start: Start, data: DataDir) -> None:
    mesh = await start(_MESH, "well")
    await mesh.says("ready to use")

    status = await start(_CLI, "status")
    assert await status.ends() == 0
    assert str(pid_of(data, "postgres")) in status.said

    mesh.signal(signal.SIGTERM)
    await mesh.ends()
    status = await start(_CLI, "status", "--json")
    assert await status.ends() == 3
    assert '"running": false' in status.said


async def test_a_taken_port_is_named_with_its_variable(start: Start) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        mesh = await start(_MESH, "well", env={"MESH_HTTP_PORT": str(port)})

        assert await mesh.ends() == 1
        assert f"port {port} is taken by another program; set MESH_HTTP_PORT" in mesh.said


async def test_two_meshes_run_side_by_side(start: Start, data: DataDir) -> None:
    other = DataDir(data.root.with_name("other"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        second_port = str(free.getsockname()[1])
    first = await start(_MESH, "well")
    second = await start(_MESH, "well", env={"MESH_DATA_DIR": str(other.root), "MESH_HTTP_PORT": second_port})

    await first.says("ready to use")
    await second.says("ready to use")

    assert set(state_of(data).ports.values()).isdisjoint(state_of(other).ports.values())
