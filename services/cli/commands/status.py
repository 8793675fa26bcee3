"""`mesh status`: how the mesh of this data directory is."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.table import Table

from services.cli.config import Settings
from services.cli.errors import NotRunningError
from services.cli.report import MeshReport, PartReport, report
from services.cli.state import PartState, load
from services.kit.config import load_settings

_COLUMNS = ("part", "health", "pid", "uptime", "restarts", "memory", "address")


def status(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of a table.")] = False,
) -> None:
    """Show the parts, their health and where they listen.

    Exit code 0: all healthy; 1: some part is not; 3: no mesh runs in this data directory.
    """
    data = load_settings(Settings).data_dir()
    mesh = asyncio.run(report(load(data.state), time.time()))
    if as_json:
        typer.echo(orjson.dumps(mesh.as_dict(), option=orjson.OPT_INDENT_2).decode())
    elif mesh.running:
        _show(mesh)
    if not mesh.running:
        raise NotRunningError(f"no mesh is running in {data.root}; `mesh up` starts one")
    raise typer.Exit(0 if mesh.healthy else 1)


def _show(mesh: MeshReport) -> None:
    console = Console()
    console.print(f"{mesh.url}/v1  {mesh.phase}, pid {mesh.pid}, up {_duration(mesh.uptime_s)}", highlight=False)
    if mesh.sandbox_level:
        refused = "; commands are refused, and say what this machine lacks" if mesh.sandbox_level == "none" else ""
        console.print(f"sandbox isolation: {mesh.sandbox_level}{refused}", highlight=False)
    table = Table(*_COLUMNS, box=None, pad_edge=False)
    for name, part in mesh.parts.items():
        table.add_row(name, *_row(part))
    console.print(table)


def _row(part: PartReport) -> tuple[str, ...]:
    health = "[green]healthy[/]" if part.healthy else f"[red]{_ailment(part)}[/]"
    pid = str(part.pid or "-")
    memory = f"{part.memory_mb:.0f} MB"
    address = "UNIX socket" if part.address.startswith("unix:") else part.address
    return health, pid, _duration(part.uptime_s), str(part.restarts), memory, address


def _ailment(part: PartReport) -> str:
    """What the supervisor is doing about it, if it knows."""
    return "not healthy" if part.state == PartState.HEALTHY else part.state


def _duration(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))
