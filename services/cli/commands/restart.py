"""`mesh restart`: new processes for the parts of a running mesh, one after the other, while it serves."""

from __future__ import annotations

import secrets
import signal
import time
from typing import Annotated

import typer

from services.cli.config import Settings
from services.cli.errors import CliError, NotRunningError
from services.cli.layout import DataDir
from services.cli.rolling import RestartRequest, ask
from services.cli.state import MeshState, Phase, RestartStatus, load, lock
from services.kit.config import load_settings

_STORAGE = ("postgres", "redis")
_LOOK_EVERY = 0.1


def restart(
    parts: Annotated[
        list[str] | None, typer.Argument(help="Parts to restart; all but storage if none is named.")
    ] = None,
) -> None:
    """Restart parts while the mesh serves: clients notice nothing, and runs are handed over.

    Each is started anew before the old one ends, but for storage: of that there is one alone, and what needs it is
    refused until it is back.
    """
    data = load_settings(Settings).data_dir()
    state = load(data.state)
    if not state.alive() or state.phase is not Phase.READY:
        raise NotRunningError(f"no mesh runs ready in {data.root}; `mesh up` starts one")
    chosen = tuple(parts or (name for name in state.parts if name not in _STORAGE))
    if unknown := set(chosen) - state.parts.keys():
        raise CliError(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(state.parts)}")
    with lock(data.run / "restart.lock") as mine:
        if not mine:
            raise CliError("another `mesh restart` is at work")
        _ask_and_follow(data, state, RestartRequest(secrets.randbits(48), chosen))


def _ask_and_follow(data: DataDir, state: MeshState, request: RestartRequest) -> None:
    assert state.supervisor is not None
    ask(data.restart, request)
    state.supervisor.send(signal.SIGUSR1)
    left = request.parts
    while left:
        now = _progress(data, request)
        for name in left[: len(left) - len(now.left)]:
            typer.echo(f"{name} is restarted")
        left = now.left
        time.sleep(_LOOK_EVERY)


def _progress(data: DataDir, request: RestartRequest) -> RestartStatus:
    """How far it is; raises what ended it."""
    state = load(data.state)
    if not state.alive():
        raise NotRunningError("the mesh ended meanwhile")
    if state.restart.number != request.number:
        return RestartStatus(request.number, request.parts)
    if state.restart.failure:
        raise CliError(state.restart.failure)
    return state.restart
