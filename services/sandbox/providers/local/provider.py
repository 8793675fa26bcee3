"""The `local` provider: homes, engine, files and gauges behind the provider port.

What runs is known here alone: a sandbox without an entry has nothing running. One loop watches the quotas of those that
have.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self

from services.kit.clock import Clock
from services.kit.errors import Unavailable
from services.kit.ids import IdSource
from services.sandbox.domain import (
    Isolation,
    Limits,
    Listing,
    Outcome,
    OutputChunk,
    ProcessSpec,
    ProcessState,
    SshAccess,
)
from services.sandbox.errors import IsolationUnavailable, SandboxNotFound, SshNotSupported
from services.sandbox.paths import absolute
from services.sandbox.ports import Parts
from services.sandbox.providers.local.engine import Engine, EngineConfig
from services.sandbox.providers.local.files import LocalFiles
from services.sandbox.providers.local.gauge import Gauge, descendants
from services.sandbox.providers.local.handles import LocalOpenFile, LocalStagedFile
from services.sandbox.providers.local.homes import Home, Homes, UidsExhaustedError
from services.sandbox.providers.local.spool import make_room, read_finished
from services.sandbox.providers.local.tree import Tree, adopt_orphans

WATCH_S = 0.25


class DirectoryTaken(Unavailable):
    """Another sandbox service has the data directory."""


@dataclass
class _Live:
    """What is held of a sandbox while the service runs."""

    home: Home
    files: LocalFiles
    gauge: Gauge
    trees: dict[str, Tree] = field(default_factory=dict)
    changing: asyncio.Lock = field(default_factory=asyncio.Lock)


class LocalProvider:
    """`ports.SandboxProvider` on this machine. Entered before use; `watch` runs meanwhile."""

    name = "local"

    def __init__(self, config: EngineConfig, homes: Homes, clock: Clock, new_id: IdSource) -> None:
        self._config, self.homes = config, homes
        self._clock, self._new_id = clock, new_id
        self._engine = Engine(config, homes)
        self._live: dict[str, _Live] = {}
        self._busy = asyncio.Event()
        self.node = ""

    @property
    def isolation(self) -> Isolation:
        """What the self-test found."""
        return self._engine.isolation

    @property
    def limits(self) -> Limits:
        """What each sandbox may use."""
        return self._config.limits

    async def __aenter__(self) -> Self:
        """Takes the data directory and runs the self-test. Raises DirectoryTaken."""
        try:
            self.node = await asyncio.to_thread(self.homes.open, self._new_id)
        except BlockingIOError:
            raise DirectoryTaken(f"another sandbox service uses {self.homes.root}") from None
        adopt_orphans(True)
        await self._engine.open(self.node)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Kills everything and gives the data directory back."""
        for sandbox_id in tuple(self._live):
            await self.stop(sandbox_id)
        self._engine.close()
        adopt_orphans(False)
        self.homes.close()

    async def start(self, sandbox_id: str) -> None:
        """Makes the home. A sandbox without commands costs nothing else."""
        if not self.isolation.usable:
            raise IsolationUnavailable.of(self.isolation.missing)
        try:
            await asyncio.to_thread(self.homes.make, sandbox_id)
        except (OSError, UidsExhaustedError) as failure:
            raise Unavailable("No further sandbox can be made on this machine") from failure

    async def stop(self, sandbox_id: str) -> None:
        """Kills what runs and lets go of the rest."""
        live = self._live.get(sandbox_id)
        if live is None:
            return
        async with live.changing:
            await self._kill_all(live, "the sandbox was stopped")
            await self._engine.release(sandbox_id)
            self._live.pop(sandbox_id, None)

    async def delete(self, sandbox_id: str) -> None:
        """Kills what runs and removes the home."""
        await self.stop(sandbox_id)
        await asyncio.to_thread(self.homes.remove, sandbox_id)

    async def exists(self, sandbox_id: str) -> bool:
        """Whether there is a home."""
        return await asyncio.to_thread(self.homes.find, sandbox_id) is not None

    async def start_process(self, sandbox_id: str, process_id: str, spec: ProcessSpec) -> LocalProcess:
        """Starts a command in its own bubblewrap."""
        live = await self._held(sandbox_id)
        outputs = live.home.path / "output"
        async with live.changing:
            try:
                await asyncio.to_thread(make_room, outputs, self._config.outputs_bytes, tuple(live.trees))
                tree = await self._engine.start(live.home, process_id, spec.command, absolute(spec.cwd))
            except OSError as failure:
                raise Unavailable(f"The command could not be started: {failure.strerror}") from failure
            live.trees[process_id] = tree
            self._busy.set()
        return LocalProcess(tree, live.trees, process_id)

    async def read_output(self, sandbox_id: str, process_id: str) -> AsyncIterator[OutputChunk]:
        """From memory of the running command, else from what is kept of it."""
        live = self._live.get(sandbox_id)
        tree = live.trees.get(process_id) if live is not None else None
        if tree is not None:
            async for chunk in tree.spool.read():
                yield chunk
            return
        home = await asyncio.to_thread(self.homes.find, sandbox_id)
        if home is not None:
            async for chunk in read_finished(home.output(process_id)):
                yield chunk

    async def forget_output(self, sandbox_id: str, process_id: str) -> None:
        """Removes the spool."""
        home = await asyncio.to_thread(self.homes.find, sandbox_id)
        if home is not None:
            home.output(process_id).unlink(missing_ok=True)

    async def require_directory(self, sandbox_id: str, parts: Parts) -> None:
        """Raises unless the workspace has it."""
        live = await self._held(sandbox_id)
        await asyncio.to_thread(live.files.require_directory, parts)

    async def list_directory(self, sandbox_id: str, parts: Parts) -> Listing:
        """A directory of the workspace."""
        live = await self._held(sandbox_id)
        return await asyncio.to_thread(live.files.list_directory, parts)

    async def open_file(self, sandbox_id: str, parts: Parts) -> LocalOpenFile:
        """A regular file of the workspace."""
        live = await self._held(sandbox_id)
        return await asyncio.to_thread(lambda: LocalOpenFile(*live.files.open_file(parts)))

    async def stage_file(self, sandbox_id: str) -> LocalStagedFile:
        """A file beside the workspace."""
        live = await self._held(sandbox_id)
        return LocalStagedFile(await asyncio.to_thread(live.files.stage, self._new_id()), live.gauge)

    async def ssh_access(self, sandbox_id: str, minutes: int) -> SshAccess:  # noqa: ARG002 -- the port's
        """There is no SSH server in a sandbox, and no network to reach one by."""
        raise SshNotSupported.of(self.name)

    async def delete_path(self, sandbox_id: str, parts: Parts) -> None:
        """Removes from the workspace."""
        live = await self._held(sandbox_id)
        await asyncio.to_thread(live.files.delete, parts, self._new_id())

    async def gauge(self, sandbox_id: str) -> Gauge:
        """What holds a sandbox's quotas."""
        return (await self._held(sandbox_id)).gauge

    async def watch(self) -> None:
        """Holds the quotas of sandboxes with commands; runs for ever."""
        while True:
            await self._busy.wait()
            busy = [live for live in self._live.values() if live.trees]
            if not busy:
                self._busy.clear()
                continue
            await asyncio.gather(*(self._hold(live) for live in busy))
            await asyncio.sleep(WATCH_S)

    async def _hold(self, live: _Live) -> None:
        breach = await asyncio.to_thread(self._breach, live)
        if breach:
            await self._kill_all(live, breach)

    def _breach(self, live: _Live) -> str:
        pids = [pid for tree in tuple(live.trees.values()) for pid in descendants(tree.first_pid)]
        with suppress(FileNotFoundError):  # deleted meanwhile
            found = live.gauge.breach(pids, memory=not self._engine.counts_memory)
            return str(found) if found is not None else ""
        return ""

    async def _kill_all(self, live: _Live, why: str) -> None:
        for tree in tuple(live.trees.values()):
            await tree.kill(ProcessState.KILLED, why)

    async def _held(self, sandbox_id: str) -> _Live:
        live = self._live.get(sandbox_id)
        if live is not None:
            return live
        home = await asyncio.to_thread(self.homes.find, sandbox_id)
        if home is None:
            raise SandboxNotFound.of(sandbox_id=sandbox_id)
        limits = self._config.limits
        files = LocalFiles(home, file_bytes=limits.file_bytes)
        gauge = Gauge(home.workspace, limits, self._config.reserve_bytes, self._clock)
        return self._live.setdefault(sandbox_id, _Live(home, files, gauge))


class LocalProcess:
    """`ports.RunningProcess`: a tree that leaves the list of running ones at its end."""

    def __init__(self, tree: Tree, trees: dict[str, Tree], process_id: str) -> None:
        self._tree, self._trees, self._process_id = tree, trees, process_id

    async def run(self, timeout_s: float) -> Outcome:
        """Waits for the end."""
        try:
            return await self._tree.run(timeout_s)
        finally:
            self._trees.pop(self._process_id, None)

    async def kill(self, state: ProcessState, message: str) -> None:
        """Kills the tree."""
        await self._tree.kill(state, message)
