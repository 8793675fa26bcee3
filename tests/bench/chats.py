"""People chat for a while, and one reads a very long thread."""

from __future__ import annotations

import asyncio
import itertools
import time
from uuid import UUID, uuid4

import asyncpg
import grpc
from mesh.threads.v1.threads_pb2 import ListMessagesRequest
from mesh.threads.v1.threads_pb2_grpc import ThreadsStub

from tests.bench.load import connected, percentile
from tests.bench.memory import memory_of
from tests.bench.report import Row
from tests.bench.scenes import Bench, frames

_THREADS = 50
_WARM_S = 15.0
_TURNS = 20
_MESSAGES = 10_000
_PAGE = 100
_FILL = """
    WITH places AS (
        UPDATE threads.threads SET last_position = last_position + $2, message_count = message_count + $2
        WHERE thread_id = $1 RETURNING last_position - $2 AS base, last_turn
    )
    INSERT INTO threads.messages (message_id, thread_id, position, turn, type, is_llm_message, content, metadata)
    SELECT gen_random_uuid(), $1, base + n, last_turn, 'assistant', true,
        json_build_object('role', 'assistant', 'content', repeat('word ', 40)), json_build_object('text_content', n)
    FROM places, generate_series(1, $2) AS n
"""


async def chat(bench: Bench) -> list[Row]:
    """Fifty threads, message after message; what each process takes when warm, in the middle and at the end.

    A thread ends after twenty turns and another begins: it is the processes that must not grow, a thread may.
    """
    until = time.monotonic() + _WARM_S + bench.chat_s
    turns = 0

    async def talk() -> None:
        nonlocal turns
        async with connected(bench.mesh.port, bench.mesh.token()) as client:
            thread: dict[str, str] = {}
            for turn in itertools.count():
                if time.monotonic() > until:
                    return
                run = await client.start_run("openai/bench-40-10", **thread if turn % _TURNS else {})
                thread = {"thread_id": run["thread_id"]}
                await frames(client, run["agent_run_id"])
                turns += 1

    async with asyncio.TaskGroup() as group:
        for _ in range(_THREADS):
            group.create_task(talk())
        at = [await memory_after(bench, seconds) for seconds in (_WARM_S, bench.chat_s / 2, bench.chat_s / 2 - 2)]
    rows = [Row(f"{_THREADS} threads chat, answers in {bench.chat_s + _WARM_S:.0f} s", turns, "")]
    for name, warm in at[0].items():
        story = f"{warm:.0f} -> {at[1][name]:.0f} MiB"
        rows.append(Row(f"{_THREADS} threads chat, {name} at the end", at[2][name], "MiB", story, at[2][name] / warm))
    return rows


async def memory_after(bench: Bench, seconds: float) -> dict[str, float]:
    """Each process' share, after so long."""
    await asyncio.sleep(seconds)
    return await asyncio.to_thread(memory_of, bench.mesh)


async def pages(bench: Bench) -> list[Row]:
    """A thread of 10,000 messages, read page by page: how long the first pages take, and the last."""
    token = bench.mesh.token(str(uuid4()))
    async with connected(bench.mesh.port, token) as client:
        run = await client.start_run("mock-ai", "[[say hi]]")
        await frames(client, run["agent_run_id"])
    await fill(bench.database_url, UUID(run["thread_id"]))
    times: list[float] = []
    async with grpc.aio.insecure_channel(bench.mesh.grpc) as channel:
        for _ in range(3):
            times += await read(ThreadsStub(channel), run["thread_id"], token)
    share = len(times) // 3
    first = percentile([value for n, value in enumerate(times) if n % share < 10], 0.5)
    last = percentile([value for n, value in enumerate(times) if n % share >= share - 10], 0.5)
    ratio = last / first
    return [
        Row(f"a page of {_PAGE} of {_MESSAGES} messages, the first ten, p50", first, "ms"),
        Row(f"a page of {_PAGE} of {_MESSAGES} messages, the last ten, p50", last, "ms", "the first", ratio, "flat"),
    ]


async def fill(database_url: str, thread_id: UUID) -> None:
    """Makes the thread long."""
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute(_FILL, thread_id, _MESSAGES)
    finally:
        await connection.close()


async def read(threads: ThreadsStub, thread_id: str, token: str) -> list[float]:
    """Milliseconds per page, in order."""
    times: list[float] = []
    place, count = "", 0
    while place or not times:
        began = time.perf_counter()
        page = await threads.ListMessages(  # type: ignore[misc]  # an asynchronous channel gives asynchronous stubs
            ListMessagesRequest(thread_id=thread_id, page_size=_PAGE, page_token=place),
            metadata=(("authorization", f"Bearer {token}"),),
        )
        times.append((time.perf_counter() - began) * 1000)
        count, place = count + len(page.messages), page.next_page_token
    assert count >= _MESSAGES
    return times
