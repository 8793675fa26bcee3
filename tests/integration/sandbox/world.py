"""A local provider in a directory of its own, at each level that this machine can give."""

from __future__ import annotations

import asyncio
import itertools
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from services.kit.clock import SystemClock
from services.kit.ids import RandomIds
from services.sandbox.domain import Level, Limits, Outcome, ProcessSpec
from services.sandbox.providers.local.cgroups import open_groups
from services.sandbox.providers.local.engine import EngineConfig
from services.sandbox.providers.local.homes import Home, Homes
from services.sandbox.providers.local.provider import LocalProcess, LocalProvider
from services.sandbox.providers.local.trees import purge

MIB = 1024 * 1024
LIMITS = Limits(
    memory_bytes=192 * MIB,
    processes=48,
    cpus=1.0,
    disk_bytes=24 * MIB,
    inodes=800,
    file_bytes=64 * MIB,
    tmp_bytes=16 * MIB,
    open_files=128,
    cpu_seconds=60,
    concurrent_commands=8,
)
CONFIG = EngineConfig(
    limits=LIMITS,
    bwrap=None,
    network=False,
    cgroups=True,
    allow_unsafe=False,
    output_bytes=MIB,
    outputs_bytes=8 * MIB,
    reserve_bytes=MIB,
)


def cgroups_here() -> bool:
    """Whether this process may make cgroups."""
    mountinfo, own = Path("/proc/self/mountinfo").read_text(), Path("/proc/self/cgroup").read_text()
    groups = open_groups(f"mesh-probe-{os.getpid()}", LIMITS, mountinfo=mountinfo, own=own)
    return groups is not None and groups.remove()


LEVELS = [Level.CGROUP, Level.RLIMIT] if cgroups_here() else [Level.RLIMIT]


@contextmanager
def public_directory() -> Iterator[Path]:
    """A directory that every user may pass through."""
    path = Path(tempfile.mkdtemp(prefix="mesh-sandbox-"))
    path.chmod(0o711)
    try:
        yield path
    finally:
        purge(path)


def make_provider(root: Path, config: EngineConfig = CONFIG, *, as_root: bool | None = None) -> LocalProvider:
    """A provider below `root`, not yet entered."""
    own_users = os.geteuid() == 0 if as_root is None else as_root
    homes = Homes(root, uid_base=2_000_000_000, uid_count=4096, as_root=own_users)
    return LocalProvider(config, homes, SystemClock(), RandomIds())


@dataclass
class World:
    """A provider with one sandbox, `box`."""

    provider: LocalProvider
    root: Path
    level: Level
    names: itertools.count[int]
    box: str = "box"

    @property
    def home(self) -> Home:
        """Where the box is on the host."""
        home = self.provider.homes.find(self.box)
        assert home is not None
        return home

    @property
    def workspace(self) -> Path:
        """The box's workspace on the host."""
        return self.home.workspace

    async def start(self, command: str, *, cwd: tuple[str, ...] = ()) -> tuple[str, LocalProcess]:
        """Starts a command."""
        name = f"p{next(self.names)}"
        return name, await self.provider.start_process(self.box, name, ProcessSpec(command, cwd))

    async def run(self, command: str, timeout_s: float = 30, *, cwd: tuple[str, ...] = ()) -> tuple[Outcome, str]:
        """Runs a command to its end; its outcome and all it printed."""
        name, process = await self.start(command, cwd=cwd)
        outcome = await process.run(timeout_s)
        return outcome, await self.output(name)

    async def output(self, name: str) -> str:
        """What a command printed."""
        chunks = [chunk.data async for chunk in self.provider.read_output(self.box, name)]
        return b"".join(chunks).decode(errors="replace")

    async def python(self, program: str, timeout_s: float = 30) -> tuple[Outcome, str]:
        """Runs a Python program inside."""
        (self.workspace / "program.py").write_text(program)
        (self.workspace / "program.py").chmod(0o644)
        if self.home.uid is not None:
            os.chown(self.workspace / "program.py", self.home.uid, self.home.uid)
        return await self.run("exec python3 -I /workspace/program.py", timeout_s)

    def empty(self) -> None:
        """Empties the workspace."""
        for path in self.workspace.iterdir():
            with suppress(FileNotFoundError):
                path.rename(self.home.trash / path.name)
                purge(self.home.trash / path.name)


@asynccontextmanager
async def open_world(level: Level, config: EngineConfig = CONFIG) -> AsyncIterator[World]:
    """A world at a level; its quotas are watched."""
    with public_directory() as root:
        async with asyncio.TaskGroup() as tasks:
            provider = make_provider(root / "sandbox", replace(config, cgroups=level is Level.CGROUP))
            async with provider:
                assert provider.isolation.level is level, provider.isolation.missing
                watching = tasks.create_task(provider.watch())
                await provider.start("box")
                yield World(provider, root, level, itertools.count())
                watching.cancel()
