"""`mesh up`: run the whole mesh on this machine."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from services.cli.bringup import Bringup
from services.cli.config import Settings, inherited_environment
from services.cli.given import look_at_given_storage
from services.cli.greeting import greeting
from services.cli.layout import DataDir
from services.cli.plan import Plan, python_path
from services.cli.screen import Terminal
from services.cli.state import Phase, load, lock
from services.kit.config import load_settings

_WIDTH = 14
_LOOK_EVERY = 0.1


def up(
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="Return when all is healthy; leave it running.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Leave the parts' logs to the log files.")] = False,
    timeout: Annotated[float, typer.Option(help="Seconds within which all parts must be healthy.")] = 120.0,
) -> None:
    """Start the whole mesh and keep it running until Ctrl-C.

    PostgreSQL and Redis are started unless DATABASE_URL and REDIS_URL are given. A part that dies is started again; one
    that keeps dying ends the mesh with exit code 1. Where this mesh is running already, says where.
    """
    settings = load_settings(Settings)
    data = settings.data_dir()
    data.create()
    if detach:
        _in_background(data, timeout)
    else:
        _in_foreground(settings, data, quiet, timeout)


def _in_foreground(settings: Settings, data: DataDir, quiet: bool, timeout: float) -> None:
    with lock(data.lock) as mine:
        if not mine:
            typer.echo(_already(data))
            return
        terminal = Terminal(sys.stdout, width=_WIDTH, quiet=quiet)
        plan = Plan(settings, data, inherited_environment())
        mesh = Bringup(plan, data, settings.mesh_http_port, terminal, lambda: greeting(settings, data))
        try:
            asyncio.run(look_at_given_storage(settings, terminal.say))
            asyncio.run(mesh.run(timeout))
        finally:
            terminal.close()


def _in_background(data: DataDir, timeout: float) -> None:
    if load(data.state).alive():
        typer.echo(_already(data))
        return
    report = data.logs / "mesh.log"
    inherited = inherited_environment()
    with report.open("wb") as out:
        mesh = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-m", "services.cli", "up", "--quiet", "--timeout", str(timeout)],
            env=inherited | {"PYTHONPATH": python_path(inherited)},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _follow(mesh, report, data)


def _follow(mesh: subprocess.Popen[bytes], report: Path, data: DataDir) -> None:
    """Show what the mesh in the background says until it is healthy or has ended."""
    with report.open() as said:
        while True:
            ended, ready = mesh.poll() is not None, _is_ready(mesh.pid, data)
            typer.echo(said.read(), nl=False)
            if ended:
                raise typer.Exit(mesh.returncode)
            if ready:
                return
            time.sleep(_LOOK_EVERY)


def _is_ready(pid: int, data: DataDir) -> bool:
    state = load(data.state)
    return state.supervisor is not None and state.supervisor.pid == pid and state.phase is Phase.READY


def _already(data: DataDir) -> str:
    state = load(data.state)
    pid = state.supervisor.pid if state.supervisor else "unknown"
    return f"this mesh is running already at {state.url} (pid {pid}, {data.root}); `mesh down` stops it"
