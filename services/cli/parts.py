"""What a part of the mesh is, as plain data: the supervisor knows nothing more about any of them."""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

StopStep = tuple[signal.Signals, float]
"""A signal, and for how many seconds it is given time to work."""

GRACEFULLY: tuple[StopStep, ...] = ((signal.SIGTERM, 15.0),)
UNNOTICED: tuple[StopStep, ...] = ((signal.SIGUSR1, 20.0), *GRACEFULLY)
"""For a process that others call, and that somebody has taken over from."""


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

    `twin` is the same part at other addresses, where two of it may run at once: a restart then starts the one before
    the other ends, by `retire` and then the signals of `leave`. For `overlap` seconds both serve, so that callers find
    the new one. Without a twin nobody serves in between.
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
    twin: Part | None = None
    overlap: float = 0.0
    retire: Callable[[], Awaitable[None]] = nothing
    leave: tuple[StopStep, ...] = GRACEFULLY
    final_codes: frozenset[int] = frozenset()
