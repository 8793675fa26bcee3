"""Limits by cgroup, version 1 or 2: a group per sandbox with one child per command.

The sandbox's group holds memory, processes and CPU over all its commands; the child is what a kill freezes and empties.
Groups are made beneath the service's own, so that whatever bounds the service bounds its sandboxes too.
"""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from services.sandbox.domain import Limits

PERIOD_US = 100_000
V1_CONTROLLERS = ("memory", "pids", "cpu", "freezer")
V2_CONTROLLERS = ("memory", "pids", "cpu")
FREEZE_ATTEMPTS = 100


@contextmanager
def _unless_gone() -> Iterator[None]:
    """Passes over that the group was removed meanwhile; the kernel says ENODEV where its file was open already."""
    try:
        yield
    except OSError as failure:
        if failure.errno not in (errno.ENOENT, errno.ENODEV):
            raise


@dataclass(frozen=True)
class Hierarchies:
    """Where groups may be made: controller to directory. In version 2 all are the same directory."""

    version: int
    bases: Mapping[str, Path]

    @property
    def directories(self) -> tuple[Path, ...]:
        """The distinct directories."""
        return tuple(dict.fromkeys(self.bases.values()))


class Group:
    """One cgroup in every hierarchy."""

    def __init__(self, hierarchies: Hierarchies) -> None:
        self._at = hierarchies

    def child(self, name: str) -> Group:
        """The group of that name below this one; `make` makes it."""
        return Group(Hierarchies(self._at.version, {key: base / name for key, base in self._at.bases.items()}))

    def make(self) -> None:
        """Makes the group; one that exists is kept."""
        for directory in self._at.directories:
            directory.mkdir(exist_ok=True)
        if self._at.version == 1:
            with suppress(OSError):  # always on in newer kernels
                (self._at.bases["memory"] / "memory.use_hierarchy").write_text("1")

    def delegate(self) -> None:
        """Version 2: lets children have the controllers."""
        if self._at.version == 2:
            control = self._at.bases["memory"] / "cgroup.subtree_control"
            control.write_text(" ".join(f"+{name}" for name in V2_CONTROLLERS))

    def limit(self, limits: Limits) -> None:
        """Sets what all processes of the group may use together."""
        quota = int(limits.cpus * PERIOD_US)
        if self._at.version == 1:
            self._write("memory", "memory.limit_in_bytes", str(limits.memory_bytes))
            with suppress(OSError):  # only where the kernel accounts for swap
                self._write("memory", "memory.memsw.limit_in_bytes", str(limits.memory_bytes))
            self._write("cpu", "cpu.cfs_period_us", str(PERIOD_US))
            self._write("cpu", "cpu.cfs_quota_us", str(quota))
        else:
            self._write("memory", "memory.max", str(limits.memory_bytes))
            with suppress(OSError):
                self._write("memory", "memory.swap.max", "0")
            self._write("cpu", "cpu.max", f"{quota} {PERIOD_US}")
        self._write("pids", "pids.max", str(limits.processes))

    def add(self, pid: int) -> None:
        """Moves a process, and so all it will fork, into the group."""
        for directory in self._at.directories:
            (directory / "cgroup.procs").write_text(str(pid))

    def pids(self) -> tuple[int, ...]:
        """The processes in the group itself."""
        listed = ""
        with _unless_gone():
            listed = (self._at.directories[0] / "cgroup.procs").read_text()
        return tuple(int(line) for line in listed.split())

    def throttled(self) -> int:
        """How often the group was held back for its use of CPU."""
        lines = (self._at.bases["cpu"] / "cpu.stat").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("nr_throttled"))

    def kill(self) -> None:
        """Freezes the group, kills all in it, and lets them die. Nothing can fork its way out meanwhile."""
        self._freeze("FROZEN", "1")
        for pid in self.pids():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._freeze("THAWED", "0")

    def remove(self) -> bool:
        """Removes the group and its children; False while something is still in it."""
        for directory in self._at.directories:
            for child in _subgroups(directory):
                _remove(child)
        left = [directory for directory in self._at.directories if not _remove(directory)]
        return not left

    def children(self) -> tuple[Group, ...]:
        """The groups below this one."""
        names = {child.name for directory in self._at.directories for child in _subgroups(directory)}
        return tuple(self.child(name) for name in sorted(names))

    def _freeze(self, v1_state: str, v2_state: str) -> None:
        if self._at.version == 2:
            with _unless_gone():
                self._write("memory", "cgroup.freeze", v2_state)
            return
        state = self._at.bases["freezer"] / "freezer.state"
        with _unless_gone():
            state.write_text(v1_state)
            for _ in range(FREEZE_ATTEMPTS):
                if state.read_text().strip() == v1_state:
                    return
                state.write_text(v1_state)  # version 1 makes progress only when asked again

    def _write(self, controller: str, file: str, value: str) -> None:
        (self._at.bases[controller] / file).write_text(value)


def _subgroups(directory: Path) -> list[Path]:
    with suppress(FileNotFoundError):
        return [child for child in directory.iterdir() if child.is_dir()]
    return []


def _remove(directory: Path) -> bool:
    try:
        directory.rmdir()
    except FileNotFoundError:
        return True
    except OSError as failure:
        if failure.errno == errno.EBUSY:
            return False
        raise
    return True


def open_groups(name: str, limits: Limits, *, mountinfo: str, own: str) -> Group | None:
    """A group called `name` in which sandboxes' groups can be made and hold `limits`; None where that cannot be.

    `mountinfo` and `own` are the texts of /proc/self/mountinfo and /proc/self/cgroup.
    """
    for base in find_hierarchies(mountinfo=mountinfo, own=own):
        above, group = Group(base), Group(base).child(name)
        probe = group.child("probe")
        try:
            above.delegate()
            group.make()
            group.delegate()
            probe.make()
            probe.limit(limits)
            probe.remove()
        except OSError:
            continue
        return group
    return None


def find_hierarchies(*, mountinfo: str, own: str) -> list[Hierarchies]:
    """Where this process might make groups, best first."""
    mounts = list(_cgroup_mounts(mountinfo))
    groups = dict(_own_groups(own))
    v1 = {
        key: found
        for key in V1_CONTROLLERS
        for kind, options, root, point in mounts
        if kind == "cgroup" and key in options and (found := _beneath(point, root, groups.get(key, "/")))
    }
    if set(v1) == set(V1_CONTROLLERS):
        return [Hierarchies(1, v1)]
    places = (
        (point, _beneath(point, root, groups.get("", "/"))) for kind, _, root, point in mounts if kind == "cgroup2"
    )
    bases = dict.fromkeys(base for point, own_base in places for base in (own_base, point))
    return [Hierarchies(2, dict.fromkeys(V2_CONTROLLERS, base)) for base in bases]


def _cgroup_mounts(mountinfo: str) -> list[tuple[str, set[str], str, Path]]:
    """(type, options of the file system, root of the mount, mount point) of each cgroup mount."""
    found = []
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2)
        if kind in ("cgroup", "cgroup2"):
            fields = before.split(" ")
            found.append((kind, set(options.split(",")), fields[3], Path(fields[4])))
    return found


def _own_groups(own: str) -> list[tuple[str, str]]:
    """(controller, path) of each hierarchy; version 2's controller is empty."""
    found = []
    for line in own.splitlines():
        _, controllers, path = line.split(":", 2)
        found += [(controller, path) for controller in controllers.split(",")]
    return found


def _beneath(point: Path, root: str, own: str) -> Path:
    """Own group's directory, where the mount may show only a part of the hierarchy."""
    if root != "/" and own.startswith(root):
        own = own[len(root) :]
    path = point / own.strip("/")
    return path if path.is_dir() else point
