"""`mesh demo`: a mesh of its own and one run in it with a tool call in the sandbox: shown, checked, nothing left."""

from __future__ import annotations

import asyncio
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import typer

from services.cli.client import Frame, MeshClient, open_client
from services.cli.config import Settings, inherited_environment
from services.cli.cost import cost_of
from services.cli.errors import CliError
from services.cli.evidence import Evidence, missing
from services.cli.layout import DataDir
from services.cli.parts import Part
from services.cli.plan import public_address, python_path
from services.cli.ports import any_free_port
from services.cli.process import PartProcess, spawn
from services.cli.state import Phase, load
from services.cli.tokens import development_token
from services.kit.config import load_settings

_TOOL, _PRINTED = "execute_command", "hello from the sandbox"
_PROMPT = f"""Please show what you can do.
[[say I will run a command in the sandbox.]] [[call {_TOOL} {{"command": "echo {_PRINTED}; seq 1 3"}}]]
[[step]] [[say The command printed what it should.]]"""
_STEPS = 2
_LONGEST = 700
_LOOK_EVERY = 0.1
_STOPPING = ((signal.SIGTERM, 90.0),)
_TOLD_TO_END = 128 + signal.SIGTERM


def demo() -> None:
    """Start a mesh, do one run that calls a tool in the sandbox, show and check everything it left, stop the mesh.

    Uses MESH_DATA_DIR and MESH_HTTP_PORT where they are given, else a temporary folder and a free port. Needs no key.
    """
    settings = load_settings(Settings)
    given = settings.model_fields_set
    http_port = settings.mesh_http_port if "mesh_http_port" in given else any_free_port()
    with _place(settings.data_dir() if "mesh_data_dir" in given else None) as data:
        own = settings.model_copy(update={"mesh_http_port": http_port, "mesh_data_dir": data.root})
        try:
            complaints = asyncio.run(_demonstrate(own, data))
        except asyncio.CancelledError:
            raise typer.Exit(_TOLD_TO_END) from None
        for complaint in complaints:
            typer.secho(f"WRONG: {complaint}", fg="red")
        if complaints:
            raise typer.Exit(1)
    typer.secho(
        "the demo is right: a streamed run, its stored messages, its charge; the mesh is down again", fg="green"
    )


@contextmanager
def _place(given: DataDir | None) -> Iterator[DataDir]:
    """The given data directory, or a temporary one that root's PostgreSQL can enter too; it stays after a failure."""
    if given is not None:
        yield given
        return
    folder = Path(tempfile.mkdtemp(prefix="mesh-demo-"))
    folder.chmod(0o711)
    data = DataDir(folder / "data")
    try:
        yield data
    except BaseException:
        typer.echo(f"what the parts said is kept in {data.logs}")
        raise
    shutil.rmtree(folder)


async def _demonstrate(settings: Settings, data: DataDir) -> list[str]:
    demonstration = asyncio.current_task()
    assert demonstration is not None
    # However it is told to end, the mesh is stopped first.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, demonstration.cancel)
    mesh = await spawn(_mesh(settings, data), _pass_on)
    try:
        await _until_ready(mesh, data)
        token = development_token(settings, data, ttl=3600)
        async with open_client(public_address(settings.mesh_http_port), token, typer.echo) as client:
            seen = await _one_run(client)
    finally:
        _heading("stopping the mesh")
        ended = await mesh.stop(_STOPPING)
    return [*missing(seen, _TOOL, _PRINTED), *([] if ended.code == 0 else [f"the mesh {ended} instead of stopping"])]


def _mesh(settings: Settings, data: DataDir) -> Part:
    inherited = inherited_environment()
    own = {"MESH_DATA_DIR": str(data.root), "MESH_HTTP_PORT": str(settings.mesh_http_port)}
    return Part(
        name="mesh",
        argv=(sys.executable, "-m", "services.cli", "up", "--quiet"),
        env=inherited | own | {"PYTHONPATH": python_path(inherited)},
        probe="",
    )


async def _until_ready(mesh: PartProcess, data: DataDir) -> None:
    while not _is_ready(mesh, data):
        if mesh.ended:
            raise CliError(f"the mesh did not start: it {await mesh.wait()}")
        await asyncio.sleep(_LOOK_EVERY)


def _is_ready(mesh: PartProcess, data: DataDir) -> bool:
    state = load(data.state)
    return state.phase is Phase.READY and state.supervisor == mesh.identity


async def _one_run(client: MeshClient) -> Evidence:
    _heading(f"POST /v1/agent/start, model mock-ai\n{_PROMPT}")
    started = await client.start(_PROMPT, "mock-ai", None)
    _heading(f"GET /v1/agent-run/{started.run_id}/stream")
    frames: list[Frame] = []
    async for frame in client.frames(started.run_id):
        frames.append(frame)
        _show(frame)
    _heading(f"GET /v1/threads/{started.thread_id}/messages")
    messages = await client.messages(started.thread_id)
    _show(*messages)
    cost = await cost_of(client, started, _STEPS)
    _heading(f"GET /v1/billing/credit-usage: {cost}")
    usage = await client.usage(started)
    _show(*usage)
    _heading("GET /v1/billing/transactions")
    transactions = await client.transactions(started)
    _show(*transactions)
    return Evidence(frames, messages, usage, transactions)


def _heading(text: str) -> None:
    typer.secho(f"\n== {text}", bold=True)


def _show(*rows: dict[str, Any]) -> None:
    for row in rows:
        text = orjson.dumps(row).decode()
        typer.echo(text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ...")


def _pass_on(chunk: bytes) -> None:
    sys.stdout.write(chunk.decode(errors="replace"))
    sys.stdout.flush()
