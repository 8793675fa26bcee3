"""Which process a pid means: pids are used again, so a process is known by its pid and its start time.

The start time is the kernel's, in clock ticks since boot: it does not move when the wall clock does.
"""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_STATE, _STARTED = 0, 19  # fields 3 and 22 of /proc/<pid>/stat, counted after the command's name


@dataclass(frozen=True)
class ProcessId:
    """A process that was alive at some time: `started` is in clock ticks since boot."""

    pid: int
    started: int

    @classmethod
    def of(cls, pid: int) -> ProcessId | None:
        """The living process with this pid, or None."""
        started = _start_time(pid)
        return None if started is None else cls(pid, started)

    def alive(self) -> bool:
        """Whether this very process still runs (a zombie does not)."""
        return _start_time(self.pid) == self.started

    def send(self, number: signal.Signals) -> None:
        """Signal it if it is still itself."""
        if self.alive():
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def send_to_group(self, number: signal.Signals) -> None:
        """Signal the process group that it leads or led."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    async def ended(self, within: float) -> bool:
        """Wait until it is gone, at most `within` seconds; whether it is."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                while self.alive():  # noqa: ASYNC110 -- not our child: nobody tells us
                    await asyncio.sleep(0.02)
        return not self.alive()


def _start_time(pid: int) -> int | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[_STATE] in "ZX" else int(fields[_STARTED])
