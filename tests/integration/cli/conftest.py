"""A mesh as another process, told from outside what a person or a machine tells it."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from pathlib import Path

import pytest

from services.cli.layout import DataDir
from services.cli.ports import any_free_port
from services.cli.state import MeshState, load

CHECKOUT = Path(__file__).parents[3]
_PATIENCE = 120.0  # seconds: a bound for a busy machine, not an expectation


class CliProcess:
    """A command that runs, and what it has said so far."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.said = ""

    async def says(self, text: str) -> None:
        """Until it has said this since the last time it was asked."""
        assert self.process.stdout is not None
        seen = self.said.rfind("\0") + 1
        while text not in self.said[seen:]:
            line = await asyncio.wait_for(self.process.stdout.readline(), _PATIENCE)
            assert line, f"ended without saying {text!r}:\n{self.said}"
            self.said += line.decode()
        self.said += "\0"

    async def ends(self) -> int:
        """Until it has ended; its exit code."""
        assert self.process.stdout is not None
        rest = await asyncio.wait_for(self.process.stdout.read(), _PATIENCE)
        self.said += rest.decode()
        return await asyncio.wait_for(self.process.wait(), _PATIENCE)

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)


Start = Callable[..., Awaitable[CliProcess]]


@pytest.fixture
def data() -> Iterator[DataDir]:
    """A data directory that another user may pass through, as root's PostgreSQL must."""
    place = Path(tempfile.mkdtemp(prefix="mesh-test-"))
    place.chmod(0o711)
    yield DataDir(place / "data")
    shutil.rmtree(place)


@pytest.fixture
async def start(data: DataDir) -> AsyncIterator[Start]:
    """Starts `python -m <module> <arguments>` for the data directory; ends what is left at the end of the test."""
    started: list[CliProcess] = []
    port = any_free_port()

    async def run(module: str, *arguments: str, env: Mapping[str, str] | None = None) -> CliProcess:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", module, *arguments),
            cwd=CHECKOUT,
            env=clean_environment(data, port) | dict(env or {}),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        started.append(CliProcess(process))
        return started[-1]

    yield run
    for left in started:
        if left.process.returncode is None:
            left.signal(signal.SIGTERM)
            await left.ends()
    await _end_background(data)


async def _end_background(data: DataDir) -> None:
    """A mesh that a failed test left in the background."""
    supervisor = state_of(data).supervisor
    if supervisor is not None:
        supervisor.send(signal.SIGTERM)
        assert await supervisor.ended(_PATIENCE)


def clean_environment(data: DataDir, port: int) -> dict[str, str]:
    """The environment of a command under test: nothing of the mesh's but what is given here."""
    own = ("MESH_", "DATABASE_URL", "REDIS_URL", "SUPABASE_", "ENV_MODE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    told = {"MESH_DATA_DIR": str(data.root), "MESH_HTTP_PORT": str(port), "PYTHONPATH": str(CHECKOUT)}
    return kept | told


def state_of(data: DataDir) -> MeshState:
    return load(data.state)


def pid_of(data: DataDir, part: str) -> int:
    """The pid of a part that runs."""
    process = state_of(data).parts[part].process
    assert process is not None
    return process.pid


def processes_below(data: DataDir) -> list[str]:
    """Command lines of living processes that speak of the data directory."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            found += _command_line(entry, str(data.root))
    return found


def _command_line(entry: Path, needle: str) -> list[str]:
    try:
        words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        told = (entry / "environ").read_bytes().decode(errors="replace")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return []
    return [words] if words and needle in words + told else []
