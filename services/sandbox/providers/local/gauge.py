"""Watches what a sandbox's commands take where the kernel holds no limit: the disk, and without cgroups the memory.

An exact count walks the workspace, which may be dear; asking the file system what is free is cheap. So the walk happens
when as much has gone from the file system as the workspace may still take, and otherwise only as often as its own cost
allows. What others free meanwhile can hide growth until the next walk, but then the disk is no fuller than before.
"""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from services.kit.clock import Clock
from services.sandbox.domain import Limits
from services.sandbox.paths import MAX_DEPTH
from services.sandbox.providers.local.trees import Usage, measure

WALK_SHARE = 5  # a walk may take one part in so many of a core
LONGEST_BLIND_S = 5.0


@dataclass(frozen=True)
class Breach:
    """A limit that was passed: `bytes`, `inodes`, `depth`, `memory` or `disk`."""

    what: str
    limit: int

    def __str__(self) -> str:
        return f"killed: the sandbox passed its limit of {self.limit} ({self.what})"


class Gauge:
    """The usage of one home. Blocking."""

    def __init__(self, workspace: Path, limits: Limits, reserve_bytes: int, clock: Clock) -> None:
        self._workspace, self._limits, self._reserve, self._clock = workspace, limits, reserve_bytes, clock
        self._lock = threading.Lock()
        self._usage = Usage()
        self._due = 0.0
        self._free_bytes = self._free_inodes = 0

    def breach(self, pids: Iterable[int], *, memory: bool) -> Breach | None:
        """The first limit that is passed now. `memory`: count the processes' memory as well."""
        free = os.statvfs(self._workspace)
        if free.f_bavail * free.f_frsize < self._reserve:
            return Breach("bytes free on the host's disk", self._reserve)
        known = tuple(pids)
        if memory and _resident(known) > self._limits.memory_bytes:
            return Breach("memory", self._limits.memory_bytes)
        with self._lock:
            if self._clock.monotonic() < self._due and not self._may_be_full(free):
                return None
            self._walk(free)
            return over(self._usage, self._limits, unlinked_bytes(known, self._workspace.stat().st_dev))

    def admit(self, size: int) -> Breach | None:
        """The limit that one more file of `size` bytes would pass; it is counted if it passes none."""
        with self._lock:
            free = os.statvfs(self._workspace)
            if self._clock.monotonic() >= self._due or self._may_be_full(free) or self._over_with(size):
                self._walk(free)
            breach = self._over_with(size)
            if breach is None:
                self._usage = replace(
                    self._usage, disk_bytes=self._usage.disk_bytes + size, inodes=self._usage.inodes + 1
                )
            return breach

    def _over_with(self, size: int) -> Breach | None:
        return over(replace(self._usage, inodes=self._usage.inodes + 1), self._limits, size)

    def _walk(self, free: os.statvfs_result) -> None:
        started = self._clock.monotonic()
        self._usage = measure(self._workspace)
        ended = self._clock.monotonic()
        self._due = ended + min(LONGEST_BLIND_S, (ended - started) * WALK_SHARE)
        self._free_bytes, self._free_inodes = free.f_bfree * free.f_frsize, free.f_ffree

    def _may_be_full(self, free: os.statvfs_result) -> bool:
        gone_bytes = self._free_bytes - free.f_bfree * free.f_frsize
        gone_inodes = self._free_inodes - free.f_ffree
        return (
            self._usage.disk_bytes + gone_bytes > self._limits.disk_bytes
            or self._usage.inodes + gone_inodes > self._limits.inodes
        )


def over(usage: Usage, limits: Limits, extra_bytes: int = 0) -> Breach | None:
    """The limit a workspace is over, with `extra_bytes` more in it."""
    if usage.disk_bytes + extra_bytes > limits.disk_bytes:
        return Breach("bytes", limits.disk_bytes)
    if usage.inodes > limits.inodes:
        return Breach("inodes", limits.inodes)
    if usage.depth > MAX_DEPTH:
        return Breach("depth", MAX_DEPTH)
    return None


def unlinked_bytes(pids: Iterable[int], device: int) -> int:
    """What processes hold of a file system in files without a name: open, or mapped into memory."""
    found: dict[int, int] = {}
    for pid in pids:
        for inode, size in (*_open_unlinked(pid, device), *_mapped_unlinked(pid, device)):
            found[inode] = max(found.get(inode, 0), size)
    return sum(found.values())


def _open_unlinked(pid: int, device: int) -> list[tuple[int, int]]:
    found = []
    with suppress(OSError), os.scandir(f"/proc/{pid}/fd") as entries:
        for entry in entries:
            with suppress(OSError):
                info = os.stat(entry.path)
                if info.st_nlink == 0 and info.st_dev == device and stat.S_ISREG(info.st_mode):
                    found.append((info.st_ino, info.st_blocks * 512))
    return found


def _mapped_unlinked(pid: int, device: int) -> list[tuple[int, int]]:
    wanted = f"{os.major(device):02x}:{os.minor(device):02x}"
    found = []
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/maps").read_text(errors="replace").splitlines():
            if line.endswith(" (deleted)"):
                span, _, _, where, inode, *_ = line.split(maxsplit=5)
                start, end = (int(part, 16) for part in span.split("-"))
                if where == wanted:
                    found.append((int(inode), end - start))
    return found


def _resident(pids: Iterable[int]) -> int:
    total = 0
    for pid in pids:
        with suppress(OSError, IndexError, ValueError):
            total += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return total


def descendants(pid: int) -> tuple[int, ...]:
    """A process and everything below it."""
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        return (pid, *(child.pid for child in process.children(recursive=True)))
    return ()
