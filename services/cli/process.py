"""Real processes for parts: each in its own session, its output handed on as it comes, ended with its whole group.

A part learns of its supervisor's death from the kernel (PR_SET_PDEATHSIG), so that nothing is left running even when
`mesh up` is killed outright.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TypedDict, cast

from .identity import ProcessId
from .parts import Account, Part, StopStep

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)
_LAST_OUTPUT = 0.3  # seconds for the output of a dead process to arrive; a grandchild may hold the pipe open

Output = Callable[[bytes], None]


@dataclass(frozen=True)
class Exit:
    """How a process ended: its exit code, or minus the signal's number."""

    code: int

    def __str__(self) -> str:
        if self.code >= 0:
            return f"exited with code {self.code}"
        return f"killed by {signal.Signals(-self.code).name}"


class Credentials(TypedDict, total=False):
    """Keywords by which a subprocess becomes somebody else."""

    user: int
    group: int
    extra_groups: list[int]


def credentials(account: Account | None) -> Credentials:
    """What makes a subprocess run as `account`; None: as the caller."""
    return {} if account is None else {"user": account.uid, "group": account.gid, "extra_groups": []}


class _Watch(asyncio.SubprocessProtocol):
    def __init__(self, output: Output) -> None:
        self._output = output
        self.exited = asyncio.Event()
        self.silent = asyncio.Event()

    def pipe_data_received(self, _fd: int, data: bytes) -> None:
        self._output(data)

    def pipe_connection_lost(self, _fd: int, _exc: Exception | None) -> None:
        self.silent.set()

    def process_exited(self) -> None:
        self.exited.set()


class PartProcess:
    """A part's process while it runs. Made by `spawn`."""

    def __init__(self, transport: asyncio.SubprocessTransport, watch: _Watch) -> None:
        self._transport = transport
        self._watch = watch
        self._alive = True
        self.pid: int = transport.get_pid()
        self.identity = ProcessId.of(self.pid)

    @property
    def ended(self) -> bool:
        """Whether it is over."""
        return self._watch.exited.is_set()

    async def wait(self) -> Exit:
        """Until it has ended and its output has been read; what it leaves of its process group is killed."""
        await self._watch.exited.wait()
        if self._alive:
            self._alive = False
            self._signal_group(signal.SIGKILL)
            await self._last_output()
            self._transport.close()
        return Exit(cast(int, self._transport.get_returncode()))

    async def stop(self, steps: tuple[StopStep, ...]) -> Exit:
        """End it: each signal in turn with its time, then SIGKILL for the whole group."""
        for number, patience in steps:
            if await self._ends_on(number, patience):
                return await self.wait()
        self.kill()
        return await self.wait()

    def kill(self) -> None:
        """End it now, with its whole group."""
        if self._alive:
            self._signal_group(signal.SIGKILL)

    async def _ends_on(self, number: signal.Signals, patience: float) -> bool:
        with suppress(ProcessLookupError):
            self._transport.send_signal(number)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._watch.exited.wait(), patience)
        return self._watch.exited.is_set()

    async def _last_output(self) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._watch.silent.wait(), _LAST_OUTPUT)

    def _signal_group(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)


async def spawn(part: Part, output: Output) -> PartProcess:
    """Start the part's process; `output` gets what it writes to stdout and stderr. Raises OSError if it can't start."""
    transport, watch = await asyncio.get_running_loop().subprocess_exec(
        lambda: _Watch(output),
        *part.argv,
        env=dict(part.env),
        stdin=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=_end_with_parent(os.getpid(), part.stop[0][0]),
        **credentials(part.account),
    )
    return PartProcess(transport, watch)


def _end_with_parent(parent: int, number: signal.Signals) -> Callable[[], None]:
    """What the child does before exec. The second look covers a parent that died before the first took hold."""

    def in_child() -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(number))
        if os.getppid() != parent:
            os._exit(1)

    return in_child
