"""A command and all it started, as one thing: its output, its end, and its death.

The end is reached when the pid namespace is empty, not when the shell has left: nothing of a command outlives it.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import signal
from contextlib import suppress

from services.sandbox.domain import Outcome, ProcessState
from services.sandbox.providers.local.cgroups import Group
from services.sandbox.providers.local.launch import Launched
from services.sandbox.providers.local.spool import Spool

READ_BYTES = 64 * 1024
DROPPING_PAUSE_S = 0.01
SAID_BYTES = 500


PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans(adopt: bool) -> None:
    """Whether the first processes of commands come to this process when their monitor is gone, and are buried at once.

    Otherwise they go to the machine's first process, and until that finds time, which in a container may be never, they
    count as processes of their sandbox.
    """
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, int(adopt), 0, 0, 0)


class Tree:
    """One running command. `run` must be awaited once; `kill` may be called at any time, by anybody."""

    def __init__(self, launched: Launched, spool: Spool, group: Group | None) -> None:
        self._launched, self._group = launched, group
        self.spool = spool
        self._reason: tuple[ProcessState, str] | None = None
        self._empty = asyncio.Event()
        assert launched.monitor.stdout is not None
        assert launched.monitor.stderr is not None
        self._outputs = (launched.monitor.stdout.fileno(), launched.monitor.stderr.fileno())
        self._said = b""

    @property
    def first_pid(self) -> int:
        """The host's id of the first process inside."""
        return self._launched.first_pid

    async def run(self, timeout_s: float) -> Outcome:
        """Collects the output until nothing of the command is left, which is after `timeout_s` at the latest."""
        async with asyncio.TaskGroup() as tasks:
            clock = tasks.create_task(self._kill_after(timeout_s))
            try:
                outcome = await self._collect()
            finally:
                clock.cancel()
            if self._group is not None:
                await asyncio.to_thread(self._group.remove)
        return outcome

    async def _kill_after(self, timeout_s: float) -> None:
        await asyncio.sleep(timeout_s)
        await self.kill(ProcessState.TIMED_OUT, f"killed after {timeout_s:g} s")

    async def _collect(self) -> Outcome:
        for number, output in enumerate(self._outputs):
            os.set_blocking(output, False)
            self._watch(number, output)
        try:
            await _until_ended(self._launched.monitor_pidfd)
            await _until_ended(self._launched.first_pidfd)
        except asyncio.CancelledError:
            self._send_kill()
            raise
        finally:
            outcome = self._end()
        return outcome

    async def kill(self, state: ProcessState, message: str) -> None:
        """Freezes the command, kills all of it, and returns when nothing is left. The first reason given stands."""
        self._reason = self._reason or (state, message)
        if self._group is not None and not self._empty.is_set():
            await asyncio.to_thread(self._group.kill)
        if not self._empty.is_set():
            self._send_kill()
        await self._empty.wait()

    def _send_kill(self) -> None:
        """Kills the namespace's first process; the kernel kills the rest with it, whatever they fork meanwhile."""
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._launched.first_pidfd, signal.SIGKILL)

    def _watch(self, number: int, output: int) -> None:
        asyncio.get_running_loop().add_reader(output, self._take, number, output)

    def _take(self, number: int, output: int) -> None:
        try:
            data = os.read(output, READ_BYTES)
        except BlockingIOError:
            return
        if not data:
            asyncio.get_running_loop().remove_reader(output)
            return
        self._store(number, data)
        if self.spool.full:  # drop what comes at a pace that leaves the loop to others
            loop = asyncio.get_running_loop()
            loop.remove_reader(output)
            loop.call_later(DROPPING_PAUSE_S, self._resume, number, output)

    def _resume(self, number: int, output: int) -> None:
        if not self._empty.is_set():
            self._watch(number, output)

    def _store(self, number: int, data: bytes) -> None:
        if number == 1 and len(self._said) < SAID_BYTES:
            self._said += data[:SAID_BYTES]
        self.spool.append(number, data)

    def _end(self) -> Outcome:
        """Takes what is left in the pipes, closes everything, and reads the verdict."""
        for number, output in enumerate(self._outputs):
            asyncio.get_running_loop().remove_reader(output)
            with suppress(BlockingIOError):  # a descriptor of it was passed to another command: no end will come
                while data := os.read(output, READ_BYTES):
                    self._store(number, data)
        verdict = _verdict(self._launched.status)
        launched = self._launched
        launched.monitor.wait()
        launched.monitor.stdout.close()  # type: ignore[union-attr] # opened as pipes
        launched.monitor.stderr.close()  # type: ignore[union-attr]
        with suppress(ChildProcessError):  # the monitor buried it itself
            os.waitid(os.P_PIDFD, launched.first_pidfd, os.WEXITED | os.WNOHANG)
        for descriptor in (launched.monitor_pidfd, launched.first_pidfd, launched.status):
            os.close(descriptor)
        self.spool.close()
        self._empty.set()
        return self._outcome(verdict)

    def _outcome(self, exit_code: int | None) -> Outcome:
        if self._reason is not None:
            state, message = self._reason
            return Outcome(state, None, message)
        if exit_code is not None:
            return Outcome(ProcessState.EXITED, exit_code)
        said = self._said.decode(errors="replace").strip()
        return Outcome(ProcessState.KILLED, None, said or "the command was killed from outside")


def _resolve(ended: asyncio.Future[None]) -> None:
    if not ended.done():
        ended.set_result(None)


async def _until_ended(pidfd: int) -> None:
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[None] = loop.create_future()
    loop.add_reader(pidfd, _resolve, ended)
    try:
        await ended
    finally:
        loop.remove_reader(pidfd)


def _verdict(status: int) -> int | None:
    """The command's exit code, if bubblewrap lived to report it: the last of its lines of JSON."""
    lines = os.read(status, 4096).splitlines()
    codes = [json.loads(line).get("exit-code") for line in lines if line.endswith(b"}")]
    return next((int(code) for code in codes if code is not None), None)
