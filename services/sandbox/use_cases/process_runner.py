"""Commands by key: started at most once, followed by anybody, ended by themselves, their time, or a kill.

A command belongs to the service, not to the caller who asked for it: a task of its own carries it out, and callers only
watch. Its row is committed before its effect; should the service die in between or after, the command dies with it and
the row is closed as lost at the next start.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import datetime

import stamina

from services.kit.clock import Clock
from services.kit.errors import MeshError, Unavailable
from services.kit.ids import IdSource
from services.kit.tasks import Supervisor
from services.sandbox.domain import Author, Cause, Outcome, OutputChunk, Process, ProcessSpec, ProcessState, Sandbox
from services.sandbox.errors import ProcessConflict, ProcessNotFound, TooManyProcesses
from services.sandbox.paths import label
from services.sandbox.ports import ProcessStore, RunningProcess, SandboxProvider
from services.sandbox.use_cases.keep_history import KeepHistory

TERMINAL = "terminal:"
"""Begins the keys of commands that no run wants."""

_RECORD_PAUSE_S = 0.2
_RECORD_LONGEST_PAUSE_S = 5.0


@dataclass
class _Run:
    """A command under way. `started`: it runs, or will not; `ended`: `process` has its outcome."""

    process: Process
    spec: ProcessSpec
    timeout_s: float
    handle: RunningProcess | None = None
    refusal: MeshError | None = None
    started: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class ProcessRunner:
    """Starts, follows and ends commands."""

    def __init__(
        self,
        store: ProcessStore,
        provider: SandboxProvider,
        keeper: KeepHistory,
        tasks: Supervisor,
        clock: Clock,
        new_id: IdSource,
    ) -> None:
        self._store, self._provider, self._keeper, self._tasks = store, provider, keeper, tasks
        self._clock, self._new_id = clock, new_id
        self._runs: dict[str, _Run] = {}

    async def recover(self) -> int:
        """Closes what an earlier service of this node left without an end; how many. Before anything is started."""
        lost = Outcome(ProcessState.LOST, None, "the sandbox service died while this ran, and the command with it")
        return await self._store.end_running(self._provider.node, lost, self._clock.now())

    def busy(self) -> list[str]:
        """Sandboxes with commands under way."""
        return [run.process.sandbox_id for run in self._runs.values()]

    async def start(self, sandbox: Sandbox, key: str, spec: ProcessSpec, timeout_s: float) -> Process:
        """The process of the key, started if it never was.

        PROCESS_CONFLICT where the key has another command; TOO_MANY_PROCESSES; what the provider says of `cwd`.
        """
        wanted = _digest(sandbox, spec)
        if key not in self._runs:
            stored = await self._store.find(key)
            if stored is not None and key not in self._runs:
                return _same(stored, wanted)
        run = self._runs.get(key)
        if run is None:
            run = self._reserve(sandbox, key, wanted, spec, timeout_s)
        await run.started.wait()
        if run.refusal is not None:
            raise run.refusal
        return _same(run.process, wanted)

    async def find(self, key: str) -> Process:
        """The process of the key. Fails with PROCESS_NOT_FOUND."""
        run = self._runs.get(key)
        process = run.process if run is not None and run.started.is_set() else await self._store.find(key)
        if process is None:
            raise ProcessNotFound.of(key)
        return process

    def output(self, process: Process) -> AsyncIterator[OutputChunk]:
        """Its output from the start, to its end."""
        return self._provider.read_output(process.sandbox_id, process.process_id)

    async def ended(self, process: Process) -> Process:
        """The process with its outcome, once it has one."""
        run = self._runs.get(process.key)
        if run is not None:
            await run.ended.wait()
            return run.process
        stored = await self._store.find(process.key)
        if stored is None or stored.ended_at is None:
            raise Unavailable("This process belongs to a sandbox service that is not here")
        return stored

    async def kill(self, key: str) -> Process:
        """Kills the process tree of the key; returns when it is empty. Fails with PROCESS_NOT_FOUND."""
        run = self._runs.get(key)
        if run is None:
            return await self.find(key)
        await run.started.wait()
        if run.refusal is not None:
            raise ProcessNotFound.of(key)
        if run.handle is not None:
            await run.handle.kill(ProcessState.KILLED, "killed on request")
        await run.ended.wait()
        return run.process

    async def forget(self, process: Process) -> None:
        """Drops the output of a process that nobody will ask for again."""
        await self._provider.forget_output(process.sandbox_id, process.process_id)

    async def drain(self) -> None:
        """Ends everything, because the service ends; returns when all of it is recorded."""
        for run in tuple(self._runs.values()):
            await run.started.wait()
            if run.handle is not None:
                await run.handle.kill(ProcessState.LOST, "the sandbox service was stopped")
        await asyncio.gather(*(run.ended.wait() for run in tuple(self._runs.values())))

    def _reserve(self, sandbox: Sandbox, key: str, digest: bytes, spec: ProcessSpec, timeout_s: float) -> _Run:
        limit = self._provider.limits.concurrent_commands
        if self.busy().count(sandbox.sandbox_id) >= limit:
            raise TooManyProcesses.of(limit)
        process = Process(
            key,
            self._new_id(),
            sandbox.sandbox_id,
            digest,
            Outcome(ProcessState.RUNNING),
            self._provider.isolation.unsafe,
            self._clock.now(),
            None,
        )
        run = self._runs[key] = _Run(process, spec, timeout_s)
        self._tasks.start_once("process", lambda: self._carry_out(run))
        return run

    async def _carry_out(self, run: _Run) -> None:
        try:
            if await self._admitted(run):
                outcome = await self._lived(run)
                self._keeper.note(run.process.sandbox_id, _cause(run.process.key))
                await self._end(run, outcome)
        except MeshError as refusal:
            run.refusal = refusal
        finally:
            del self._runs[run.process.key]
            run.started.set()
            run.ended.set()

    async def _admitted(self, run: _Run) -> bool:
        """Commits the row; False where another service was faster, whose row is taken over."""
        process = run.process
        await self._provider.require_directory(process.sandbox_id, run.spec.cwd)
        if await self._store.add(process, self._provider.node):
            return True
        run.process = await self._store.find(process.key) or process
        return False

    async def _lived(self, run: _Run) -> Outcome:
        process = run.process
        try:
            run.handle = await self._provider.start_process(process.sandbox_id, process.process_id, run.spec)
        except MeshError as failed:
            return Outcome(ProcessState.FAILED, None, failed.message)
        run.started.set()
        return await run.handle.run(run.timeout_s)

    async def _end(self, run: _Run, outcome: Outcome) -> None:
        """Writes the end down, then tells it; where storage is away, tells it first and writes it when that is back."""
        now = self._clock.now()
        run.process = replace(run.process, outcome=outcome, ended_at=now)
        try:
            await self._store.end(run.process.key, outcome, now)
        except Unavailable:
            run.started.set()
            run.ended.set()
            await self._record(run.process.key, outcome, now)

    async def _record(self, key: str, outcome: Outcome, now: datetime) -> None:
        retrying = stamina.retry_context(
            on=Unavailable, attempts=None, timeout=None, wait_initial=_RECORD_PAUSE_S, wait_max=_RECORD_LONGEST_PAUSE_S
        )
        async for attempt in retrying:
            with attempt:
                await self._store.end(key, outcome, now)


def _digest(sandbox: Sandbox, spec: ProcessSpec) -> bytes:
    return hashlib.sha256("\0".join((sandbox.sandbox_id, *spec.cwd, "", spec.command)).encode()).digest()


def _cause(key: str) -> Cause:
    """Whose command it was. Not the command: it may hold what not everybody who looks may see."""
    if key.startswith(TERMINAL):
        return Cause("Command in the terminal", Author.OWNER)
    return Cause(f"Command {label(key)}", Author.AGENT)


def _same(process: Process, digest: bytes) -> Process:
    if process.command_hash != digest:
        raise ProcessConflict.of(process.key)
    return process
