"""Starts one command in its own bubblewrap and puts limits on it before it runs its first instruction.

Bubblewrap reports the process it made, then waits: in between that process is moved into its cgroup and pinned by a
pidfd. A shell inside sets resource limits and waits at a gate; only then it becomes the command. Should the service die
meanwhile, the gate ends instead of opening, and nothing runs. All a command starts lives in one pid namespace, whose
first process takes the rest with it when it dies.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from services.sandbox.domain import Level, Limits
from services.sandbox.providers.local import profile
from services.sandbox.providers.local.binary import Become
from services.sandbox.providers.local.cgroups import Group
from services.sandbox.providers.local.homes import Home

SETUP_WAIT_S = 10.0
LAST_WORDS_WAIT_S = 0.2
GO = b"1go\n"  # a byte for bubblewrap's own wait, a line for the shell's
OOM_SCORE = "800"  # where the host runs out of memory, sandboxes go first


class LaunchError(RuntimeError):
    """Bubblewrap did not get as far as the command. Its text is what bubblewrap said."""


@dataclass(frozen=True)
class Launched:
    """A running command: bubblewrap outside, the first process inside, and the pipes between."""

    monitor: subprocess.Popen[bytes]
    monitor_pidfd: int
    first_pid: int
    first_pidfd: int
    status: int


class Spawner(Protocol):
    """Starts a monitor process that reports the program's first process on `status`, in JSON as bubblewrap does."""

    def spawn(self, home: Home, words: list[str], cwd: str, status: int, gate: int) -> subprocess.Popen[bytes]:
        """Starts the program `words` in `cwd`, with `gate` for its input and pipes for its outputs."""
        ...


@dataclass(frozen=True)
class Bubblewrap:
    """Spawns commands in bubblewrap: what is the same for all of them."""

    become: Become
    bwrap: Path
    etc: Path
    seccomp: Path
    limits: Limits
    network: bool

    def spawn(self, home: Home, words: list[str], cwd: str, status: int, gate: int) -> subprocess.Popen[bytes]:
        """Starts bubblewrap as the home's user. It goes on at an end of `gate`; the shell behind it does not."""
        at = profile.Places(home.workspace, self.etc, os.open(self.seccomp, os.O_RDONLY | os.O_CLOEXEC), status, gate)
        options = profile.arguments(self.limits, at, cwd, network=self.network)
        arguments = _pipe_holding(b"".join(os.fsencode(option) + b"\0" for option in options))
        try:
            return subprocess.Popen(  # noqa: S603 -- running commands is the purpose
                [*self.become.words(home.uid), self.bwrap, "--args", str(arguments), "--", *words],
                pass_fds=(at.seccomp, status, gate, arguments),
                stdin=gate,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={},  # what bubblewrap gets, its first process shows to the sandbox
                start_new_session=True,
            )
        finally:
            os.close(at.seccomp)
            os.close(arguments)


@dataclass(frozen=True)
class Launcher:
    """Starts commands under limits.

    `launch` must always be called from one long-lived thread: a command ends with the thread that started it.
    """

    spawner: Spawner
    shell: str
    level: Level
    limits: Limits

    def launch(self, home: Home, command: str, cwd: str, group: Group | None) -> Launched:
        """Starts `bash -c command` in a home. Blocks for the few milliseconds that it takes."""
        status, status_inside = os.pipe()
        gate_inside, gate = os.pipe()
        try:
            words = [self.shell, "-c", gate_script(self.shell, self.limits, self.level), self.shell, command]
            monitor = self.spawner.spawn(home, words, cwd, status_inside, gate_inside)
        finally:
            os.close(status_inside)
            os.close(gate_inside)
        try:
            launched = self._prepared(monitor, status, group)
            os.write(gate, GO)
        except OSError as failure:  # its first process ended before it could be limited
            os.close(status)
            os.close(gate)
            raise LaunchError(_last_words(monitor) or str(failure)) from None
        os.close(gate)
        return launched

    def _prepared(self, monitor: subprocess.Popen[bytes], status: int, group: Group | None) -> Launched:
        """The command with its limits on, still before the gate."""
        first_pid = _reported_pid(status)
        first_pidfd = os.pidfd_open(first_pid)
        if group is not None:
            group.add(first_pid)
        with suppress(OSError):
            Path(f"/proc/{first_pid}/oom_score_adj").write_text(OOM_SCORE)
        return Launched(monitor, os.pidfd_open(monitor.pid), first_pid, first_pidfd, status)


def gate_script(shell: str, limits: Limits, level: Level) -> str:
    """What the shell does before the command: sets limits that the command cannot raise, then waits at the gate.

    They are set in here because a service that is root without CAP_SYS_RESOURCE may not set them from outside, and
    because the number of processes is counted per user namespace.
    """
    is_bash = shell.endswith("bash")
    block = 1024 if is_bash else 512
    wanted = {"-c": 0, "-n": limits.open_files, "-t": limits.cpu_seconds, "-f": limits.file_bytes // block}
    if level is not Level.NONE:
        wanted["-u" if is_bash else "-p"] = limits.processes
    if level is not Level.CGROUP:
        wanted["-v"] = limits.memory_bytes // 1024
    ulimits = "".join(f"ulimit {flag} {value} && " for flag, value in wanted.items())
    return f'{ulimits}read -r go && exec "$0" -c "$1" </dev/null'


def _pipe_holding(data: bytes) -> int:
    reading, writing = os.pipe()
    os.write(writing, data)  # far below a pipe's capacity
    os.close(writing)
    return reading


def _reported_pid(status: int) -> int:
    """The first process inside, from the monitor's status: one line of JSON, written in pieces."""
    line = b""
    while not line.endswith(b"\n"):
        ready, _, _ = select.select([status], [], [], SETUP_WAIT_S)
        piece = os.read(status, 4096) if ready else b""
        if not piece:
            raise ChildProcessError("it said nothing")
        line += piece
    return int(json.loads(line)["child-pid"])


def _last_words(monitor: subprocess.Popen[bytes]) -> str:
    """Ends the monitor; what it had to say."""
    with suppress(subprocess.TimeoutExpired):
        monitor.wait(LAST_WORDS_WAIT_S)
    monitor.kill()
    _, said = monitor.communicate()
    return said.decode(errors="replace").strip()[-500:]
