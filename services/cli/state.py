"""What a mesh says about itself in its data directory: who runs it, on which ports, and how each part is.

One `mesh up` holds the lock; it alone writes the state, whole, after every change. Everybody else reads. The lock goes
with its holder, however that ends, so a state without a holder is a leftover, and its parts may be ended.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from pathlib import Path

import orjson

from .identity import ProcessId


class Phase(StrEnum):
    """Where the whole mesh is."""

    STARTING = "starting"
    READY = "ready"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"


class PartState(StrEnum):
    """Where one part is."""

    WAITING = "waiting"
    STARTING = "starting"
    HEALTHY = "healthy"
    BACKOFF = "backoff"
    STOPPED = "stopped"


@dataclass(frozen=True)
class PartStatus:
    """One part: `since` is when the state began (Unix seconds), `probe` where its health is asked (see probes.py)."""

    probe: str
    state: PartState = PartState.WAITING
    process: ProcessId | None = None
    since: float = 0.0
    restarts: int = 0


@dataclass(frozen=True)
class RestartStatus:
    """An orderly restart by its number: the parts that are left, the one at work first, and why it ended early."""

    number: int = 0
    left: tuple[str, ...] = ()
    failure: str = ""


@dataclass(frozen=True)
class MeshState:
    """The whole mesh: `supervisor` is the process of `mesh up`, `restart` the last one that was asked for."""

    supervisor: ProcessId | None = None
    phase: Phase = Phase.STOPPED
    url: str = ""
    since: float = 0.0
    ports: dict[str, int] = field(default_factory=dict)
    parts: dict[str, PartStatus] = field(default_factory=dict)
    restart: RestartStatus = RestartStatus()

    def alive(self) -> bool:
        """Whether its supervisor still runs."""
        return self.supervisor is not None and self.supervisor.alive()

    def with_part(self, name: str, status: PartStatus) -> MeshState:
        return replace(self, parts={**self.parts, name: status})


def load(path: Path) -> MeshState:
    """What was written last; an empty state where nothing readable is."""
    try:
        raw = orjson.loads(path.read_bytes())
        return MeshState(
            supervisor=_process(raw["supervisor"]),
            phase=Phase(raw["phase"]),
            url=raw["url"],
            since=raw["since"],
            ports=raw["ports"],
            parts={name: _part(part) for name, part in raw["parts"].items()},
            restart=_restart(**raw.get("restart", {})),
        )
    except (FileNotFoundError, orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        return MeshState()


def save(path: Path, state: MeshState) -> None:
    """Replace the file in one step, so that a reader never sees half of it."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.write_bytes(orjson.dumps(asdict(state), option=orjson.OPT_INDENT_2))
    fresh.replace(path)


@contextmanager
def lock(path: Path) -> Iterator[bool]:
    """Try to become the one who runs this mesh; whether that worked. Held until the end of the block or the process."""
    with open(path, "ab", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


def _process(raw: dict[str, int] | None) -> ProcessId | None:
    return None if raw is None else ProcessId(raw["pid"], raw["started"])


def _restart(number: int = 0, left: Iterable[str] = (), failure: str = "") -> RestartStatus:
    return RestartStatus(number, tuple(left), failure)


def _part(raw: dict[str, object]) -> PartStatus:
    return PartStatus(**{**raw, "state": PartState(str(raw["state"])), "process": _process(raw["process"])})  # type: ignore[arg-type]
