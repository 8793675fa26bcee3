"""Five hundred runs at once on one worker, and two thousand more that wait: in a mesh of its own, with a bound."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AsyncExitStack

import asyncpg
import orjson

from services.cli.embedded.postgres import EmbeddedPostgres
from tests.bench.load import Client, connected, percentile
from tests.bench.memory import peaks
from tests.bench.report import Row
from tests.bench.scenes import Bench
from tests.support.mesh import RunningMesh, running_mesh

_AT_ONCE = 500
_QUEUED, _PAST = 2000, 200
_BOUND = _QUEUED
_STARTERS = 4
_STEADY, _RATE = 500, 25
"""So many of the queued come one by one, so many a second; the rest as fast as four starters can."""
_STEADY_PAST = 100
"""Of those that are refused, so many come one by one too."""
_LINES = 16
_WATCHERS = 100
_PARTS = ("agent-worker-1", "agent-api", "edge")
_RUN = "[[delay 50ms]] [[tokens 40]]"
_TOLD = {"MESH_RUN_SLOTS": str(_AT_ONCE), "MESH_QUEUE_LIMIT": str(_BOUND), "MESH_LOG_LEVEL": "warning"}
_ENDED = "SELECT count(*) FROM agent.runs WHERE status NOT IN ('queued', 'running', 'waiting')"

Started = tuple[int, float, str, bool]
"""A start's answer: status, milliseconds, run id, whether it said when to come again."""


async def multitude(_: Bench) -> list[Row]:
    """Both crowds, one after the other."""
    with running_mesh(**_TOLD) as mesh:
        token = mesh.token()
        await start_all(mesh, token, ["[[say warm]]"] * 8, 1)
        await idle(mesh)
        return [*await at_once(mesh, token), *await queued(mesh, token)]


async def at_once(mesh: RunningMesh, token: str) -> list[Row]:
    """All are started, and each is watched to its end."""
    with peaks(mesh, _PARTS) as most:
        began = time.monotonic()
        started = await start_all(mesh, token, [_RUN] * _AT_ONCE, 32)
        terminals = await watch_all(mesh, token, ids(started))
        seconds = time.monotonic() - began
    once = sum(count == 1 for count in terminals)
    return [
        Row(f"{_AT_ONCE} runs at once, to the end of all", seconds, "s"),
        Row(
            f"{_AT_ONCE} runs at once, with one terminal frame", once, "runs", asked=f"{_AT_ONCE}", met=once == _AT_ONCE
        ),
        *(Row(f"{_AT_ONCE} runs at once, {part} grows by", most[part], "MiB") for part in _PARTS),
    ]


async def queued(mesh: RunningMesh, token: str) -> list[Row]:
    """While every slot is taken by a run that waits, more come than may wait."""
    taken = await start_all(mesh, token, ["[[say hi]] [[wait 1h]]"] * _AT_ONCE, 32)
    await until(mesh, f"SELECT count(*) = {_AT_ONCE} FROM agent.runs WHERE status = 'running'")
    with peaks(mesh, _PARTS) as most:
        steady = await start_steadily(mesh, token, ["[[say hi]]"] * _STEADY)
        fast = await start_all(mesh, token, ["[[say hi]]"] * (_QUEUED + _PAST - _STEADY - _STEADY_PAST), _STARTERS)
        past = await start_steadily(mesh, token, ["[[say hi]]"] * _STEADY_PAST)
        asked = steady + fast + past
        await stop_all(mesh, token, ids(taken))
        terminals = await watch_all(mesh, token, ids(asked))
    await idle(mesh)
    statuses = Counter(status for status, *_ in asked)
    stored = await value(mesh, "SELECT count(*) FROM agent.runs") - 8 - 2 * _AT_ONCE
    lost = stored - sum(count == 1 for count in terminals)
    refused = [answer for answer in asked if answer[0] == 429]
    unclear = len(asked) - statuses[200] - sum(says for *_, says in refused)
    return [
        *speed(f"a start that is admitted, {_RATE} a second", steady, 200),
        *speed(f"a start that is refused, {_RATE} a second", past, 429),
        *speed(f"a start that is admitted, {_STARTERS} at once", fast, 200),
        *speed(f"a start that is refused, {_STARTERS} at once", fast, 429),
        Row(f"of {len(asked)} starts past {_AT_ONCE} runs, admitted", statuses[200], "runs"),
        Row("refused with 429 and Retry-After", len(refused) - unclear, "starts"),
        Row("answered otherwise", unclear, "starts", asked="0", met=unclear == 0),
        Row("stored without one terminal frame, or refused and stored", lost, "runs", asked="0", met=lost == 0),
        *(Row(f"{_QUEUED} runs queued, {part} grows by", most[part], "MiB") for part in _PARTS),
    ]


def speed(what: str, answers: Iterable[Started], answered: int) -> list[Row]:
    """Of answers with a status, in ms; none where there were none."""
    times = [ms for status, ms, *_ in answers if status == answered]
    if not times:
        return []
    p50, p99 = percentile(times, 0.5), percentile(times, 0.99)
    return [
        Row(f"{what}, p50", p50, "ms"),
        Row(f"{what}, p99", p99, "ms", asked="<= 50", met=p99 <= 50),
    ]


def ids(started: Iterable[Started]) -> list[str]:
    """Of the runs that were admitted."""
    return [run_id for status, _, run_id, _ in started if status == 200]


async def start_all(mesh: RunningMesh, token: str, prompts: list[str], hands: int) -> list[Started]:
    """Starts them all, by so many connections."""
    answers: list[Started] = []

    async def one(client: Client, prompt: str) -> None:
        answers.append(await start(client, prompt, time.monotonic()))

    await by_hands(mesh, token, prompts, hands, one)
    return answers


async def start_steadily(mesh: RunningMesh, token: str, prompts: list[str]) -> list[Started]:
    """Starts one at a time, however long the answers take, each timed from when it was due."""
    free: asyncio.LifoQueue[Client] = asyncio.LifoQueue()
    answers: list[Started] = []

    async def one(prompt: str, due: float) -> None:
        client = await free.get()
        answers.append(await start(client, prompt, due))
        free.put_nowait(client)

    async with AsyncExitStack() as lines, asyncio.TaskGroup() as group:
        for _ in range(_LINES):
            free.put_nowait(await lines.enter_async_context(connected(mesh.port, token)))
        began = time.monotonic()
        for place, prompt in enumerate(prompts):
            due = began + place / _RATE
            await asyncio.sleep(due - time.monotonic())
            group.create_task(one(prompt, due))
    return answers


async def start(client: Client, prompt: str, began: float) -> Started:
    """One start, timed from a moment of `time.monotonic`."""
    client.ask_to_start("mock-ai", prompt)
    status, headers, body = await client.answer()
    ms = (time.monotonic() - began) * 1000
    run_id = orjson.loads(body)["agent_run_id"] if status == 200 else ""
    return status, ms, run_id, "retry-after" in headers


async def watch_all(mesh: RunningMesh, token: str, runs: list[str]) -> list[int]:
    """How many terminal frames each run's stream has, to its end."""
    counts: list[int] = []

    async def one(client: Client, run_id: str) -> None:
        told = b"".join([piece async for piece, _ in client.stream(run_id)])
        counts.append(sum(is_terminal(line) for line in told.split(b"\n")))

    await by_hands(mesh, token, runs, _WATCHERS, one)
    return counts


def is_terminal(line: bytes) -> bool:
    """Whether a line of a stream is a run's end."""
    if not line.startswith(b'data: {"type":"status"'):
        return False
    return orjson.loads(line[6:]).get("status") in ("completed", "stopped", "failed", "error")


async def stop_all(mesh: RunningMesh, token: str, runs: list[str]) -> None:
    """As a user does it."""

    async def one(client: Client, run_id: str) -> None:
        client.request("POST", f"/v1/agent-run/{run_id}/stop")
        await client.json()

    await by_hands(mesh, token, runs, 8, one)


async def by_hands(
    mesh: RunningMesh, token: str, things: list[str], hands: int, do: Callable[[Client, str], Awaitable[None]]
) -> None:
    """Each thing once, so many at a time, a connection each."""
    left = deque(things)

    async def hand() -> None:
        async with connected(mesh.port, token) as client:
            while left:
                await do(client, left.popleft())

    async with asyncio.TaskGroup() as group:
        for _ in range(hands):
            group.create_task(hand())


async def idle(mesh: RunningMesh) -> None:
    """Until every run has ended."""
    await until(mesh, f"SELECT ({_ENDED}) = count(*) FROM agent.runs")


async def until(mesh: RunningMesh, sql: str, within_s: float = 120.0) -> None:
    """Awaits that a query says true."""
    async with asyncio.timeout(within_s):
        while not await value(mesh, sql):
            await asyncio.sleep(0.2)


async def value(mesh: RunningMesh, sql: str) -> int:
    """One value of the mesh's database."""
    connection = await asyncpg.connect(EmbeddedPostgres(mesh.data, None).url)
    try:
        return int(await connection.fetchval(sql))
    finally:
        await connection.close()
