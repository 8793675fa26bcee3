"""Many viewers: on one run that is told, on runs where nothing happens, and such as never read."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

from tests.bench.load import Client, connected, percentile
from tests.bench.memory import memory_of, peaks
from tests.bench.report import Row
from tests.bench.scenes import STAMP, Bench, frames

ON_THE_WAY = ("edge", "agent-api", "envoy")
_VIEWERS = 200
_TOKENS, _PAUSE_MS = 200, 50
_IDLE = 2000
_IDLE_RUNS = 20
_COME_AT_ONCE = 50
_STUCK = 50
_QUIET_S = 0.5


async def on_one_run(bench: Bench) -> list[Row]:
    """Two hundred viewers of one run, as it is told."""
    token, added, count = bench.mesh.token(), list[float](), 0

    async def watch(run_id: str) -> None:
        nonlocal count
        async with connected(bench.mesh.port, token) as client:
            async for piece, at in client.stream(run_id):
                stamps = [int(stamp) for text in STAMP.findall(piece) for stamp in text.split()]
                count += piece.count(b"data: ")
                added.extend((at - stamp) / 1e6 for stamp in stamps)

    with peaks(bench.mesh, ON_THE_WAY) as most:
        async with connected(bench.mesh.port, token) as client:
            run = await client.start_run(f"openai/bench-{_TOKENS}-{_PAUSE_MS}")
        started = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for _ in range(_VIEWERS):
                group.create_task(watch(run["agent_run_id"]))
        seconds = time.monotonic() - started
    late = added[_VIEWERS * 20 :]  # the first ones came before all were connected
    return [
        Row(f"{_VIEWERS} viewers of one run, events in all", count / seconds, "events/s"),
        Row(f"{_VIEWERS} viewers of one run, delay p50", percentile(late, 0.5), "ms"),
        Row(f"{_VIEWERS} viewers of one run, delay p99", percentile(late, 0.99), "ms"),
        *(Row(f"{_VIEWERS} viewers of one run, {name} grows by", most[name], "MiB") for name in ON_THE_WAY),
    ]


async def idle(bench: Bench) -> list[Row]:
    """Two thousand viewers of runs that wait."""
    before = memory_of(bench.mesh)
    async with AsyncExitStack() as stack:
        runs = []
        for _ in range(_IDLE_RUNS):
            client = await stack.enter_async_context(connected(bench.mesh.port, bench.mesh.token()))
            run = await client.start_run("mock-ai", "[[say hi]] [[wait 1h]]")
            runs.append((client, run["agent_run_id"]))
        watching = [(client.bearer, run_id) for client, run_id in runs] * (_IDLE // _IDLE_RUNS)
        viewers: list[Client] = []
        for place in range(0, _IDLE, _COME_AT_ONCE):
            coming = watching[place : place + _COME_AT_ONCE]
            come = [await stack.enter_async_context(viewer(bench, bearer, run_id)) for bearer, run_id in coming]
            await asyncio.gather(*(client.reader.readuntil(b'"type":"ack"') for client in come))
            viewers += come
        await asyncio.gather(*(heard(client) for client in viewers))
        after = memory_of(bench.mesh)
        for client, run_id in runs:
            client.request("POST", f"/v1/agent-run/{run_id}/stop")
            await client.json()
        await asyncio.gather(*(rest(client) for client in viewers))
    each = {name: (after[name] - before[name]) * 1024 / _IDLE for name in ON_THE_WAY}
    return [Row(f"an idle viewer of {_IDLE}, {name}", each[name], "KiB") for name in ON_THE_WAY]


async def stuck(bench: Bench) -> list[Row]:
    """Fifty viewers who ask for 5,000 events and read nothing; and for how long they are kept."""
    token = bench.mesh.token()
    async with connected(bench.mesh.port, token) as client:
        run = await client.start_run("openai/bench-5000-1")
        await frames(client, run["agent_run_id"])
    with peaks(bench.mesh, ON_THE_WAY) as most:
        began = time.monotonic()
        async with AsyncExitStack() as stack:
            sockets = [await stack.enter_async_context(deaf(bench, token, run["agent_run_id"])) for _ in range(_STUCK)]
            await asyncio.gather(*(cut(one) for one in sockets))
        kept = time.monotonic() - began
    return [
        *(Row(f"{_STUCK} viewers who never read, {name} grows by", most[name], "MiB") for name in ON_THE_WAY),
        Row("a viewer who never reads is cut after", kept, "s"),
    ]


@asynccontextmanager
async def viewer(bench: Bench, bearer: str, run_id: str) -> AsyncIterator[Client]:
    """A connection on which a stream was asked for."""
    async with connected(bench.mesh.port, bearer) as client:
        client.request("GET", f"/v1/agent-run/{run_id}/stream")
        yield client


async def heard(client: Client) -> None:
    """Until the first ping: then the run is silent."""
    await client.reader.readuntil(b'{"type":"ping"}')


async def rest(client: Client) -> None:
    """To the end."""
    await client.reader.readuntil(b"\r\n0\r\n\r\n")


@asynccontextmanager
async def deaf(bench: Bench, bearer: str, run_id: str) -> AsyncIterator[socket.socket]:
    """A socket that asks for a stream and reads nothing of it, with the smallest buffer there is."""
    loop = asyncio.get_running_loop()
    with socket.socket() as one:
        one.setblocking(False)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        await loop.sock_connect(one, ("127.0.0.1", bench.mesh.port))
        head = f"GET /v1/agent-run/{run_id}/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {bearer}\r\n\r\n"
        await loop.sock_sendall(one, head.encode())
        yield one


async def cut(one: socket.socket) -> None:
    """Until the other side has hung up: a deaf one learns it from what he sends."""
    loop = asyncio.get_running_loop()
    with suppress(OSError):
        while True:
            await asyncio.sleep(_QUIET_S)
            await loop.sock_sendall(one, b"\r\n")
