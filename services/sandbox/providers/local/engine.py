"""Starts commands with the best isolation that this machine turns out to have.

Tried in order: limits by cgroup, limits by rlimit; each counts only when the self-test holds. Where neither does,
commands are refused, or, if the operator says so, run with what there is and flagged as unsafe.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from services.kit.errors import Unavailable
from services.kit.logging import get_logger
from services.sandbox.domain import Isolation, Level, Limits, Outcome, ProcessState
from services.sandbox.errors import IsolationUnavailable
from services.sandbox.providers.local import profile, seccomp, selftest
from services.sandbox.providers.local.binary import (
    PLACE_REMEDY,
    Become,
    NoBubblewrapError,
    find_bwrap,
    reachable_by_all,
)
from services.sandbox.providers.local.cgroups import Group, open_groups
from services.sandbox.providers.local.homes import Home, Homes
from services.sandbox.providers.local.launch import Bubblewrap, Launched, Launcher, LaunchError
from services.sandbox.providers.local.spool import Spool
from services.sandbox.providers.local.tree import Tree
from services.sandbox.providers.local.unconfined import Unconfined

log = get_logger()

HOLES = {
    Level.CGROUP: (
        "the disk is watched, not reserved: a command may pass its quota for up to a second before it is killed",
        "the kernel is shared with the host",
    ),
    Level.RLIMIT: (
        "the disk is watched, not reserved: a command may pass its quota for up to a second before it is killed",
        "memory is limited per process, and for all of a command's processes only by a watcher within a second",
        "processes and CPU are limited per command, not per sandbox; CPU is not shared out fairly",
        "memory that the kernel holds for a sandbox (socket buffers, entries of /tmp) is not counted",
        "memfd_create and System V shared memory, which no limit here would count, are refused",
        "the kernel is shared with the host",
    ),
    Level.NONE: ("nothing is isolated: commands see and reach what the service's user does",),
}

SELF_TEST = "selftest"
UID_REMEDY = "see to it that MESH_DATA_DIR can be written and that the uids from MESH_SANDBOX_UID_BASE on exist here"


@dataclass(frozen=True)
class EngineConfig:
    """What the operator decides about commands. `bwrap` None: find one."""

    limits: Limits
    bwrap: Path | None
    network: bool
    cgroups: bool
    allow_unsafe: bool
    output_bytes: int
    outputs_bytes: int
    reserve_bytes: int


class Engine:
    """Starts commands. `open` before, `close` after, with nothing running."""

    def __init__(self, config: EngineConfig, homes: Homes) -> None:
        self._config, self._homes = config, homes
        # One thread that lives as long as the service: a command dies with the thread that started it.
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="bwrap")
        self._groups: Group | None = None
        self._launcher: Launcher | None = None
        self._limited: set[str] = set()
        self._level = Level.NONE
        self._become = Become()
        self.isolation = Isolation(Level.NONE, "the self-test has not run")

    async def open(self, node: str) -> None:
        """Finds out what holds here. The isolation says what does not; it is no error."""
        profile.write_etc(self._homes.root / "etc", network=self._config.network)
        if self._config.cgroups:
            self._groups = await asyncio.to_thread(_own_groups, f"mesh-{node}", self._config.limits)
        missing = await self._settle()
        if self._launcher is None and self._config.allow_unsafe:
            self._launcher = Launcher(Unconfined(), shell(), Level.NONE, self._config.limits)
            self._drop_groups()
        unsafe = bool(missing) and self._config.allow_unsafe
        level = self._level
        self.isolation = Isolation(level, missing, unsafe, HOLES[level])

    def close(self) -> None:
        """Removes what was made to limit commands."""
        self._starter.shutdown()
        self._drop_groups()

    @property
    def counts_memory(self) -> bool:
        """Whether the kernel holds the memory of a whole sandbox."""
        return self._groups is not None

    async def start(self, home: Home, process_id: str, command: str, cwd: str) -> Tree:
        """Starts a command in a home. `cwd` as the sandbox sees it. Fails with ISOLATION_UNAVAILABLE."""
        if self._launcher is None or not self.isolation.usable:
            raise IsolationUnavailable.of(self.isolation.missing)
        group = await self._command_group(self._config.limits, home.sandbox_id, process_id)
        spool = Spool(home.output(process_id), self._config.output_bytes)
        try:
            return await self._launch(self._launcher, home, spool, command, cwd, group)
        except LaunchError as failed:
            log.error("sandbox.launch_failed", sandbox_id=home.sandbox_id, said=str(failed))  # noqa: TRY400 -- its words say all
            raise Unavailable("The command could not be started") from None

    async def release(self, sandbox_id: str) -> None:
        """Removes a sandbox's group; nothing may run in it."""
        self._limited.discard(sandbox_id)
        if self._groups is not None:
            await asyncio.to_thread(self._groups.child(sandbox_id).remove)

    def _drop_groups(self) -> None:
        if self._groups is not None:
            self._groups.remove()
            self._groups = None

    async def _settle(self) -> str:
        """Takes the first level that holds; what is missing where none does."""
        if self._homes.as_root and not reachable_by_all(self._homes.root / "homes"):
            return f"the sandboxes' users cannot pass through to {self._homes.root}: {PLACE_REMEDY}"
        try:
            bwrap = await asyncio.to_thread(
                find_bwrap, self._config.bwrap, self._homes.root / "bin", as_other_user=self._homes.as_root
            )
            levels = (Level.CGROUP, Level.RLIMIT) if self._groups is not None else (Level.RLIMIT,)
            for level in levels:
                missing = await self._try(bwrap, level)
                if not missing:
                    break
        except (NoBubblewrapError, seccomp.UnsupportedArchitectureError) as lacking:
            return str(lacking)
        except OSError as failure:
            return f"a trial sandbox could not be made ({failure}): {UID_REMEDY}"
        return missing

    async def _try(self, bwrap: Path, level: Level) -> str:
        """Tests a level and takes it if commands start at all."""
        if level is not Level.CGROUP:
            self._drop_groups()
        verdict = await self._self_test(self._confined(bwrap, level, selftest.small(self._config.limits)))
        if verdict.missing:
            log.warning("sandbox.level_does_not_hold", level=level, missing=verdict.missing)
        if verdict.starts:
            self._launcher, self._level = self._confined(bwrap, level, self._config.limits), level
        return verdict.missing

    def _confined(self, bwrap: Path, level: Level, limits: Limits) -> Launcher:
        root = self._homes.root
        filter_file = root / f"seccomp-{level}.bpf"
        filter_file.write_bytes(seccomp.program(counted_memory=level is Level.CGROUP))
        spawner = Bubblewrap(self._become, bwrap, root / "etc", filter_file, limits, self._config.network)
        return Launcher(spawner, shell(), level, limits)

    async def _self_test(self, launcher: Launcher) -> selftest.Verdict:
        home = await asyncio.to_thread(self._homes.make, SELF_TEST)

        async def run(name: str, command: str, seconds: float, *, cpus: float = 1.0) -> tuple[Outcome, str]:
            limits = replace(launcher.limits, cpus=cpus)
            group = await self._command_group(limits, f"{SELF_TEST}-{name}", name)
            spool = Spool(home.output(name), self._config.output_bytes)
            try:
                tree = await self._launch(launcher, home, spool, command, "/workspace", group)
            except LaunchError as failed:
                return Outcome(ProcessState.FAILED, None, str(failed)), ""
            return await tree.run(seconds), await spool.text()

        def throttled() -> bool:
            return self._groups is None or self._groups.child(f"{SELF_TEST}-cpu").throttled() > 0

        try:
            return await selftest.probe(run, self._homes.root / "node", throttled)
        finally:
            for name in selftest.PROBES:
                await self.release(f"{SELF_TEST}-{name}")
            await asyncio.to_thread(self._homes.remove, SELF_TEST)

    async def _command_group(self, limits: Limits, sandbox: str, command: str) -> Group | None:
        if self._groups is None:
            return None
        outer = self._groups.child(sandbox)
        if sandbox not in self._limited:
            await asyncio.to_thread(_make_limited, outer, limits)
            self._limited.add(sandbox)
        inner = outer.child(command)
        inner.make()  # a few microseconds each
        return inner

    async def _launch(
        self, launcher: Launcher, home: Home, spool: Spool, command: str, cwd: str, group: Group | None
    ) -> Tree:
        starting = self._starter.submit(launcher.launch, home, command, cwd, group)
        try:
            launched = await asyncio.wrap_future(starting)
        except asyncio.CancelledError:
            starting.add_done_callback(_abandon)
            raise
        return Tree(launched, spool, group)


def shell() -> str:
    """What `-c` is given to."""
    return next((path for path in ("/usr/bin/bash", "/bin/bash") if Path(path).exists()), "/bin/sh")


def _own_groups(name: str, limits: Limits) -> Group | None:
    groups = open_groups(
        name, limits, mountinfo=Path("/proc/self/mountinfo").read_text(), own=Path("/proc/self/cgroup").read_text()
    )
    for left_over in groups.children() if groups is not None else ():
        for command in left_over.children():
            command.kill()
        left_over.remove()
    return groups


def _make_limited(group: Group, limits: Limits) -> None:
    group.make()
    group.limit(limits)


def _abandon(starting: Future[Launched]) -> None:
    if not starting.cancelled() and starting.exception() is None:
        starting.result().monitor.kill()
