"""What a part of the mesh is, as plain data: the supervisor knows nothing more about any of them."""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

StopStep = tuple[signal.Signals, float]
"""A signal, and for how many seconds it is given time to work."""

GRACEFULLY: tuple[StopStep, ...] = ((signal.SIGTERM, 15.0),)


@dataclass(frozen=True)
class Account:
    """A system user to run as."""

    name: str
    uid: int
    gid: int


async def nothing() -> None:
    """The preparation of a part that needs none."""


@dataclass(frozen=True)
class Part:
    """One process of the mesh.

    `probe` says where its health is asked (probes.py). It starts when all in `needs` are healthy, after `prepare` has
    run once. Parts stop by `layer`, the highest first; `stop` are the signals tried in turn before SIGKILL, and the
    first of them is also what the process gets when its supervisor vanishes. `account` is who it runs as, where that
    is somebody else. An exit code in `final_codes` says that starting it again is useless.
    """

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    probe: str
    needs: frozenset[str] = frozenset()
    layer: int = 0
    prepare: Callable[[], Awaitable[None]] = nothing
    stop: tuple[StopStep, ...] = GRACEFULLY
    account: Account | None = None
    final_codes: frozenset[int] = frozenset()
