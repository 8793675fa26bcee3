"""`mesh run`: one run through the public surface, on the terminal as it happens."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated
from uuid import UUID

import typer

from services.cli.client import Frame, MeshClient, StartedRun, open_client
from services.cli.config import Settings
from services.cli.cost import cost_of
from services.cli.errors import NotRunningError, single_failure
from services.cli.state import load
from services.cli.tokens import development_token
from services.cli.transcript import Transcript
from services.kit.config import load_settings

_EXIT_CODES = {"completed": 0, "stopped": 130}
_TOKEN_LIFE = 24 * 3600


def run(
    message: Annotated[str, typer.Argument(help="What to say to the agent.")],
    model: Annotated[str | None, typer.Option("--model", "-m", help="Model to use, e.g. mock-ai.")] = None,
    thread: Annotated[
        UUID | None, typer.Option("--thread", "-t", help="Thread to go on with; default: a new one.")
    ] = None,
) -> None:
    """Send a message to an agent and show the run as it happens: text, tools with what they print, and the cost.

    Ctrl-C stops the run and shows how it ended; once more leaves it. Exit code 0: completed; 130: stopped; 1: failed.
    """
    settings = load_settings(Settings)
    address, token = _target(settings)
    raise typer.Exit(asyncio.run(_run(address, token, message, model, str(thread) if thread else None)))


def _target(settings: Settings) -> tuple[str, str]:
    """Address and token: the given ones, else those of this data directory's mesh."""
    data = settings.data_dir()
    state = load(data.state)
    if settings.mesh_url is None and not state.alive():
        raise NotRunningError(f"no mesh is running in {data.root}; `mesh up` starts one, MESH_URL names another")
    token = settings.mesh_token or development_token(settings, data, ttl=_TOKEN_LIFE)
    address = settings.mesh_url or state.url
    return address.rstrip("/").removesuffix("/v1"), token


async def _run(address: str, token: str, message: str, model: str | None, thread_id: str | None) -> int:
    async with open_client(address, token, _aside) as mesh:
        with _first_ctrl_c() as interrupted:
            started = await mesh.start(message, model, thread_id)
            _aside(f"run {started.run_id}, thread {started.thread_id}")
            last = await _watch(mesh, started, interrupted)
        _aside(str(await cost_of(mesh, started)))
    return _EXIT_CODES.get(str(last.get("status")), 1)


async def _watch(mesh: MeshClient, started: StartedRun, interrupted: asyncio.Event) -> Frame:
    """Show the run until its end, and stop it when interrupted; its last frame."""
    with single_failure():
        async with asyncio.TaskGroup() as group:
            stopper = group.create_task(_stop_when(interrupted, mesh, started.run_id), name="stop")
            last = await _show(mesh, started)
            stopper.cancel()
    return last


async def _show(mesh: MeshClient, started: StartedRun) -> Frame:
    """Show the run until its end; its last frame."""
    transcript = Transcript()
    frame: Frame = {}
    async for frame in mesh.frames(started.run_id):
        typer.echo(transcript.feed(frame), nl=False)
    return frame


async def _stop_when(interrupted: asyncio.Event, mesh: MeshClient, run_id: str) -> None:
    await interrupted.wait()
    _aside("stopping the run (Ctrl-C once more leaves it)")
    await mesh.stop(run_id)


@contextmanager
def _first_ctrl_c() -> Iterator[asyncio.Event]:
    """An event that is set by the first Ctrl-C; the next one does what it always does."""
    pressed = asyncio.Event()
    loop = asyncio.get_running_loop()

    def heard() -> None:
        loop.remove_signal_handler(signal.SIGINT)
        pressed.set()

    loop.add_signal_handler(signal.SIGINT, heard)
    try:
        yield pressed
    finally:
        loop.remove_signal_handler(signal.SIGINT)


def _aside(text: str) -> None:
    typer.secho(text, dim=True, err=True)
