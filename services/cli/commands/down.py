"""`mesh down`: stop the mesh of this data directory, and whatever one that was cut off has left."""

from __future__ import annotations

import asyncio
import signal
from typing import Annotated

import typer

from services.cli.config import Settings
from services.cli.leftovers import end_leftovers
from services.cli.state import MeshState, load
from services.kit.config import load_settings


def down(
    timeout: Annotated[float, typer.Option(help="Seconds to let the parts finish before they are killed.")] = 60.0,
) -> None:
    """Stop the mesh. Nothing of it is left running; its data stays."""
    settings = load_settings(Settings)
    state = load(settings.data_dir().state)
    asyncio.run(_stop(state, timeout))


async def _stop(state: MeshState, timeout: float) -> None:
    if state.supervisor is not None and state.alive():
        typer.echo(f"stopping the mesh at {state.url} (pid {state.supervisor.pid}) ...")
        state.supervisor.send(signal.SIGTERM)
        if not await state.supervisor.ended(timeout):
            state.supervisor.send(signal.SIGKILL)
            await end_leftovers(state)
        typer.echo("stopped")
    elif left := await end_leftovers(state):
        typer.echo("ended what a mesh that was cut off had left: " + ", ".join(left))
    else:
        typer.echo("no mesh is running here")
