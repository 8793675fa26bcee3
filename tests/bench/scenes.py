"""What is measured, each with what it is measured beside."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import uuid4

import httpx

from services.cli.ports import any_free_port
from services.cli.state import load
from tests.bench.load import Client, connected, percentile
from tests.bench.memory import memory_of
from tests.bench.report import Row
from tests.support.mesh import JWT_SECRET, RunningMesh

STAMP = re.compile(rb'\\"content\\":\\"([0-9 ]+)\\"[^\n]*\\"stream_status\\":\\"chunk\\"')
_UNARY_S = 4.0
_UNARY_CONNECTIONS = 16
_RUNS = 256
_AT_ONCE = 32


@dataclass(frozen=True)
class Bench:
    """A running mesh, the database beneath it, and a model server beside it."""

    mesh: RunningMesh
    database_url: str
    model_url: str
    chat_s: float

    @property
    def model_port(self) -> int:
        """Of the model server."""
        return int(httpx.URL(self.model_url).port or 0)


@contextmanager
def model_server() -> Iterator[str]:
    """The model server in a process of its own; its base URL."""
    process = subprocess.Popen([sys.executable, "-m", "tests.bench.model_server"], stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().decode().strip()
    finally:
        process.terminate()
        process.wait()


@contextmanager
def peer(database_url: str) -> Iterator[int]:
    """The FastAPI app; its port."""
    port = any_free_port()
    process = subprocess.Popen([sys.executable, "-m", "tests.bench.peer", database_url, JWT_SECRET, str(port)])
    try:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                httpx.get(f"http://127.0.0.1:{port}/openapi.json")
                break
            except httpx.TransportError:
                time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait()


async def unary(bench: Bench) -> list[Row]:
    """One read through Envoy, and the same from one FastAPI process, in turn."""
    user = str(uuid4())
    token = bench.mesh.token(user)
    async with connected(bench.mesh.port, token) as client:
        run = await client.start_run("mock-ai", "[[say hi]]")
    path = f"/v1/agent-runs/{run['agent_run_id']}/status"
    ours: list[float] = []
    theirs: list[float] = []
    with peer(bench.database_url) as port:
        for _ in range(3):
            ours.append(await rate(bench.mesh.port, token, path))
            theirs.append(await rate(port, token, path))
    ratio = sorted(a / b for a, b in zip(ours, theirs, strict=True))[1]
    return [
        Row("unary read, FastAPI + asyncpg", sorted(theirs)[1], "requests/s"),
        Row("unary read through Envoy", sorted(ours)[1], "requests/s", "FastAPI", ratio, ">= 1.5", ratio >= 1.5),
    ]


async def rate(port: int, token: str, path: str) -> float:
    """Requests per second over some connections."""
    done = 0
    until = time.monotonic() + _UNARY_S

    async def ask() -> None:
        nonlocal done
        async with connected(port, token) as client:
            while time.monotonic() < until:
                client.request("GET", path)
                await client.json()
                done += 1

    started = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for _ in range(_UNARY_CONNECTIONS):
            group.create_task(ask())
    return done / (time.monotonic() - started)


async def stream_rate(bench: Bench) -> list[Row]:
    """Events per second to one viewer and to fifty, of a run that has been told already."""
    token = bench.mesh.token()
    async with connected(bench.mesh.port, token) as client:
        run = await client.start_run("openai/bench-20000-1")
        await frames(client, run["agent_run_id"])
    rates = [await viewers(bench, token, run["agent_run_id"], count) for count in (1, 1, 1, 50)]
    one = sorted(rates[:3])[1]
    return [
        Row("events to one viewer", one, "events/s", asked=">= 100,000", met=one >= 100_000),
        Row("events to fifty viewers, in all", rates[3], "events/s", "one viewer", rates[3] / one),
    ]


async def viewers(bench: Bench, token: str, run_id: str, count: int) -> float:
    """Events per second over so many viewers at once."""

    async def one() -> int:
        async with connected(bench.mesh.port, token) as client:
            return await frames(client, run_id)

    started = time.monotonic()
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one()) for _ in range(count)]
    return sum(task.result() for task in tasks) / (time.monotonic() - started)


async def frames(client: Client, run_id: str) -> int:
    """Reads a stream to its end; how many events it had."""
    return sum([piece.count(b"data: ") async for piece, _ in client.stream(run_id)])


async def delay(bench: Bench) -> list[Row]:
    """What the mesh adds to each token, from the model's chunk to the client's frame."""
    rows = []
    for runs, asked in ((1, 1.9), (20, 4.4)):
        added = [value async for value in delays(bench, runs)]
        p50, p99 = percentile(added, 0.5), percentile(added, 0.99)
        rows.append(Row(f"delay added per token, {runs} run(s), p50", p50, "ms", asked=f"< {asked}", met=p50 < asked))
        rows.append(Row(f"delay added per token, {runs} run(s), p99", p99, "ms", asked="< 10", met=p99 < 10))
    return rows


async def delays(bench: Bench, runs: int) -> AsyncIterator[float]:
    """Milliseconds, of every token of so many runs at once."""
    token = bench.mesh.token()

    async def watch() -> list[float]:
        async with connected(bench.mesh.port, token) as client:
            run = await client.start_run("openai/bench-200-20")
            return [
                (at - int(stamp)) / 1e6
                async for piece, at in client.stream(run["agent_run_id"])
                for text in STAMP.findall(piece)
                for stamp in text.split()
            ]

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(watch()) for _ in range(runs)]
    for task in tasks:
        for value in task.result()[5:]:  # the first ones came before the viewer was connected
            yield value


async def run_rate(bench: Bench) -> list[Row]:
    """Runs per second at 32 at once, one step of 20 tokens each, beside the model server's own rate."""
    token = bench.mesh.token()
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(3):
        theirs.append(await model_rate(bench))
        ours.append(await mesh_rate(bench, token))
    ratio = sorted(a / b for a, b in zip(ours, theirs, strict=True))[1]
    return [
        Row("answers, model server alone, 32 at once", sorted(theirs)[1], "answers/s"),
        Row("runs, whole mesh, 32 at once", sorted(ours)[1], "runs/s", "model server", ratio, ">= 0.24", ratio >= 0.24),
    ]


async def model_rate(bench: Bench) -> float:
    """Answers per second, asked directly."""
    body = b'{"model":"bench-20-0","stream":true,"messages":[{"role":"user","content":"hello"}]}'

    async def ask(share: int) -> None:
        async with connected(bench.model_port, "x") as client:
            for _ in range(share):
                client.request("POST", "/v1/chat/completions", body)
                await client.head()
                async for _ in client.pieces():
                    pass

    return await timed(ask)


async def mesh_rate(bench: Bench, token: str) -> float:
    """Runs per second, each started and watched to its end."""

    async def ask(share: int) -> None:
        async with connected(bench.mesh.port, token) as client:
            for _ in range(share):
                run = await client.start_run("openai/bench-20-0")
                await frames(client, run["agent_run_id"])

    return await timed(ask)


async def timed(ask: Callable[[int], Coroutine[None, None, None]]) -> float:
    """Things per second when 32 do their share at once."""
    started = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for _ in range(_AT_ONCE):
            group.create_task(ask(_RUNS // _AT_ONCE))
    return _RUNS / (time.monotonic() - started)


async def first_token(bench: Bench) -> list[Row]:
    """From POST to the first token in the client's hands, beyond the model's own time (here: nothing)."""
    token = bench.mesh.token()
    times: list[float] = []
    async with connected(bench.mesh.port, token) as client, connected(bench.mesh.port, token) as viewer:
        for _ in range(30):
            began = time.time_ns()
            run = await client.start_run("openai/bench-20-5")
            async for piece, at in viewer.stream(run["agent_run_id"]):
                if STAMP.search(piece) and len(times) < 10_000:
                    times.append((at - began) / 1e6)
                    break
            viewer = await reconnect(viewer)
    p50 = percentile(times, 0.5)
    return [
        Row("first token after POST, p50", p50, "ms", asked="<= 30", met=p50 <= 30),
        Row("first token after POST, p99", percentile(times, 0.99), "ms"),
    ]


async def reconnect(client: Client) -> Client:
    """A fresh connection in place of one that was left in the middle of a stream."""
    client.writer.close()
    host, _, port = client.host.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=2**22)
    return Client(reader, writer, client.host, client.bearer)


async def per_run(bench: Bench) -> list[Row]:
    """What one run of one step costs: statements, commits and RPCs, from the services' own counters."""
    token = bench.mesh.token()
    before = counters(bench.mesh)
    async with connected(bench.mesh.port, token) as client:
        for _ in range(50):
            run = await client.start_run("openai/bench-20-0")
            await frames(client, run["agent_run_id"])
    await asyncio.sleep(1.0)
    after = counters(bench.mesh)
    return [
        Row(f"{name} per run", (after[key] - before[key]) / 50, "")
        for name, key in (
            ("statements", "mesh_pg_statements_total"),
            ("commits", "mesh_pg_commits_total"),
            ("RPCs", "mesh_rpc_seconds_count"),
        )
    ]


def counters(mesh: RunningMesh) -> dict[str, float]:
    """Sums over all processes."""
    totals: dict[str, float] = {}
    for name, port in load(mesh.data.state).ports.items():
        if "metrics" not in name or name.endswith("-twin"):  # a successor's, which is not there
            continue
        for line in httpx.get(f"http://127.0.0.1:{port}/metrics").text.splitlines():
            if line.startswith("mesh_") and "Health" not in line:
                key, _, value = line.rpartition(" ")
                key = key.partition("{")[0]
                totals[key] = totals.get(key, 0) + float(value)
    return totals


def memory(bench: Bench) -> list[Row]:
    """Proportional share of memory of each process."""
    return [Row(f"memory, {name}", value, "MiB") for name, value in memory_of(bench.mesh).items()]
