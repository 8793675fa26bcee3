"""Commands by key, each its own process group. Output is kept, and whoever attaches sees it from the start."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

from mesh.sandbox.v1 import sandbox_pb2 as pb

from services.kit.errors import AlreadyExists, NotFound
from services.kit.tasks import Supervisor


class FakeProcess:
    """One command. `parts` ends with its end."""

    def __init__(self, command: str) -> None:
        self.command = command
        self.parts: list[pb.RunProcessResponse] = []
        self.verdict: str | None = None
        self.state = pb.ProcessState(state="starting")
        self.ended = asyncio.Event()
        self._changed = asyncio.Event()
        self._process: asyncio.subprocess.Process | None = None

    async def run(self, cwd: Path, timeout_s: float) -> None:
        self._process = process = await asyncio.create_subprocess_exec(
            "bash",
            "-c",
            self.command,
            cwd=cwd,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        self.state.state = "running"
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            async with asyncio.timeout(timeout_s):
                await asyncio.gather(
                    self._pump("stdout", process.stdout), self._pump("stderr", process.stderr), process.wait()
                )
        except TimeoutError:
            self.kill("timed_out")
            await process.wait()
        finally:
            self.kill("killed")
        state = self.verdict if process.returncode == -signal.SIGKILL and self.verdict else "exited"
        code = process.returncode if state == "exited" else None
        self.end(pb.ProcessState(state=state, exit_code=code))

    async def _pump(self, stream: str, source: asyncio.StreamReader) -> None:
        while data := await source.read(65536):
            self.parts.append(pb.RunProcessResponse(output=pb.ProcessOutput(stream=stream, data=data)))
            self._notify()

    def end(self, state: pb.ProcessState) -> None:
        self.state = state
        self.parts.append(pb.RunProcessResponse(end=state))
        self.ended.set()
        self._notify()

    def kill(self, verdict: str) -> None:
        self.verdict = self.verdict or verdict
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    async def watch(self) -> AsyncIterator[pb.RunProcessResponse]:
        seen = 0
        while True:
            while seen < len(self.parts):
                seen += 1
                yield self.parts[seen - 1]
            if self.ended.is_set():
                return
            await self._changed.wait()

    def _notify(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


class FakeProcesses:
    """All of them. `started` holds the keys in the order of their start, once per start."""

    def __init__(self, supervisor: Supervisor) -> None:
        self.started: list[str] = []
        self._supervisor = supervisor
        self._processes: dict[str, FakeProcess] = {}

    def start(self, key: str, command: str, cwd: Path, timeout_s: float) -> FakeProcess:
        process = self._processes.get(key)
        if process is None:
            self.started.append(key)
            process = self._processes[key] = FakeProcess(command)
            self._supervisor.start_once("process", lambda: process.run(cwd, timeout_s))
        elif process.command != command:
            raise AlreadyExists("This key belongs to another command", reason="PROCESS_CONFLICT")
        return process

    def find(self, key: str) -> FakeProcess:
        if key not in self._processes:
            raise NotFound("No such process", reason="PROCESS_NOT_FOUND")
        return self._processes[key]
