"""Tries out what a sandbox must hold: really allocates, forks, spins, and reaches for what it must not see.

Run at start, on this machine, through the same code that runs commands: what holds is measured, never assumed.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from services.sandbox.domain import Limits, Outcome, ProcessState

PROBE_WAIT_S = 10.0
SPIN_S = (0.3, 1.0, 4.0)  # on a busy machine it may take long until a command gets going
SPIN_CPUS = 0.05  # so little that even a busy machine would give more
MEMORY_BYTES = 64 * 1024 * 1024
PROCESSES = 24

NAMESPACES_REMEDY = (
    "allow unprivileged user namespaces (sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone=1, "
    "kernel.apparmor_restrict_unprivileged_userns=0; in a container, a seccomp profile that lets them through), "
    "or set ALLOW_UNSAFE_SANDBOX=1 to run commands without isolation"
)
LIMITS_REMEDY = "let the service write to a cgroup of its own, or set ALLOW_UNSAFE_SANDBOX=1 to run without this limit"

PROBES = ("start", "see", "memory", "processes", "cpu")


class Run(Protocol):
    """Runs a command in a sandbox of its own with the limits of `small`; how it ended and what it printed."""

    async def __call__(self, name: str, command: str, seconds: float, *, cpus: float = 1.0) -> tuple[Outcome, str]: ...


@dataclass(frozen=True)
class Verdict:
    """What did not hold, with what to do about it; empty when all did. `starts`: commands run at all."""

    missing: str = ""
    starts: bool = True


def small(limits: Limits) -> Limits:
    """Limits that a probe reaches at once."""
    return replace(limits, memory_bytes=MEMORY_BYTES, processes=PROCESSES, tmp_bytes=MEMORY_BYTES // 4)


async def probe(run: Run, secret: Path, throttled: Callable[[], bool]) -> Verdict:
    """Runs every probe. `secret` is a file of the service's own that no sandbox may read; `throttled` says whether the
    probe `cpu` was held back, where something does that."""
    outcome, said = await run("start", "echo ready", PROBE_WAIT_S)
    if outcome.state is not ProcessState.EXITED or "ready" not in said:
        why = (outcome.message or said).strip() or "it said nothing"
        return Verdict(f"bubblewrap cannot start a command ({why}): {NAMESPACES_REMEDY}", starts=False)
    results = await asyncio.gather(
        _sees_nothing(run, secret), _memory_held(run), _processes_held(run), _spinning_held(run, throttled)
    )
    return Verdict("; ".join(missing for missing in results if missing))


async def _sees_nothing(run: Run, secret: Path) -> str:
    command = f"""
        cat '{secret}' && echo LEAK
        cat /etc/shadow && echo LEAK
        [ "$(id -u)" = 0 ] && echo LEAK
        grep -q '^CapEff:.*[1-9a-f]' /proc/self/status && echo LEAK
        grep -q '^NoNewPrivs:[^1]*$' /proc/self/status && echo LEAK
        grep -q '^Seccomp:[^2]*$' /proc/self/status && echo LEAK
        echo done
    """
    _, said = await run("see", command, PROBE_WAIT_S)
    return f"a sandbox sees what it must not: {NAMESPACES_REMEDY}" if "LEAK" in said or "done" not in said else ""


async def _memory_held(run: Run) -> str:
    outcome, said = await run("memory", "head -c 256M /dev/zero | tail >/dev/null; echo status:$?", PROBE_WAIT_S)
    held = "status:0" not in said and outcome.state is not ProcessState.TIMED_OUT
    return "" if held else f"memory is not limited: {LIMITS_REMEDY}"


async def _processes_held(run: Run) -> str:
    """Forks without end, waits until that is felt, and looks whether it goes on."""
    command = f"""
        (while :; do sleep 99 & done) 2>/dev/null &
        while set -- /proc/[0-9]*; [ $# -lt {PROCESSES - 4} ]; do :; done
        most=0; i=0
        while [ $i -lt 100 ]; do
            set -- /proc/[0-9]*; [ $# -gt $most ] && most=$#; i=$((i + 1))
        done
        echo most:$most
    """
    _, said = await run("processes", command, PROBE_WAIT_S)
    most = re.search(r"most:(\d+)", said)
    held = most is not None and int(most[1]) <= PROCESSES + 1
    return "" if held else f"the number of processes is not limited: {LIMITS_REMEDY}"


async def _spinning_held(run: Run, throttled: Callable[[], bool]) -> str:
    """A spinning command is slowed by its cgroup where there is one, and ends when told to."""
    for seconds in SPIN_S:
        outcome, _ = await run("cpu", "while :; do :; done", seconds, cpus=SPIN_CPUS)
        if outcome.state is not ProcessState.TIMED_OUT:
            return f"a spinning command could not be ended: {LIMITS_REMEDY}"
        if throttled():
            return ""
    return f"CPU is not limited: {LIMITS_REMEDY}"
