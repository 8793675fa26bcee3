"""The command as a person uses it, on the whole mesh."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from pathlib import Path

import orjson
import pytest

from services.cli.layout import DataDir
from services.cli.state import PartState
from tests.integration.cli.conftest import CliProcess, Start, pid_of, processes_below, state_of

pytestmark = [pytest.mark.xdist_group("mesh"), pytest.mark.timeout(300)]

_CLI = "services.cli"


async def output_of(command: CliProcess, code: int = 0) -> str:
    """What a command said that was to end with this code."""
    ended = await command.ends()
    assert ended == code, command.said
    return command.said


def demo_folders() -> set[Path]:
    return set(Path(tempfile.gettempdir()).glob("mesh-demo-*"))


async def test_the_demo_is_right_and_leaves_nothing(start: Start) -> None:
    before = demo_folders()

    said = await output_of(await start(_CLI, "demo", env={"MESH_DATA_DIR": "", "MESH_HTTP_PORT": ""}))

    assert "hello from the sandbox" in said
    assert "the demo is right" in said
    assert demo_folders() == before


async def test_a_mesh_in_the_background_is_used_watched_and_stopped(start: Start, data: DataDir) -> None:
    said = await output_of(await start(_CLI, "up", "--detach"))
    assert "all parts are healthy" in said

    said = await output_of(await start(_CLI, "run", "[[say Good morning.]]", "--model", "mock-ai"))
    assert "Good morning." in said
    assert "1 step" in said
    assert "credits" in said

    report = orjson.loads(await output_of(await start(_CLI, "status", "--json")))
    assert report["healthy"] is True
    assert set(report["parts"]) >= {"postgres", "redis", "threads", "billing", "sandbox", "tools", "edge", "envoy"}

    assert "up to date" in await output_of(await start(_CLI, "migrate"))
    assert "stopped" in await output_of(await start(_CLI, "down"))
    assert processes_below(data) == []


async def test_each_part_that_is_killed_comes_back(start: Start, data: DataDir) -> None:
    mesh = await start(_CLI, "up", "--quiet")
    await mesh.says("all parts are healthy")

    for part in state_of(data).parts:
        os.kill(pid_of(data, part), signal.SIGKILL)
        await mesh.says(f"{part} killed by SIGKILL: starting it again")
        await mesh.says(f"{part} is healthy again")

    assert {status.state for status in state_of(data).parts.values()} == {PartState.HEALTHY}
    assert "after" in await output_of(await start(_CLI, "run", "[[say after]]", "--model", "mock-ai"))
    mesh.signal(signal.SIGTERM)
    assert await mesh.ends() == 0


async def test_ctrl_c_stops_the_run_and_not_the_mesh(start: Start) -> None:
    await output_of(await start(_CLI, "up", "--detach"))
    run = await start(_CLI, "run", "[[delay 200ms]] [[tokens 500]]", "--model", "mock-ai")
    await run.says("run ")

    run.signal(signal.SIGINT)

    assert "[stopped]" in await output_of(run, 130)
    await output_of(await start(_CLI, "status"))
    await output_of(await start(_CLI, "down"))


async def test_the_token_is_the_developers_and_none_in_production(start: Start) -> None:
    token = (await output_of(await start(_CLI, "token"))).strip()
    assert token.count(".") == 2

    said = await output_of(await start(_CLI, "token", env={"ENV_MODE": "production"}), code=1)
    assert "come from the identity provider" in said


async def test_a_demo_that_is_told_to_end_leaves_nothing_running(start: Start) -> None:
    before = demo_folders()
    demo = await start(_CLI, "demo", env={"MESH_DATA_DIR": "", "MESH_HTTP_PORT": ""})
    await demo.says("postgres is healthy")
    (folder,) = demo_folders() - before

    demo.signal(signal.SIGTERM)

    assert await demo.ends() == 128 + signal.SIGTERM
    assert processes_below(DataDir(folder / "data")) == []
    shutil.rmtree(folder)
