"""`python -m tests.chaos.baseline.worker <folder> <redis> <postgres>`: a worker of the design with a lock."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Final
from uuid import uuid4

import asyncpg
import redis.asyncio as redis

from tests.chaos.orders import OrderBook
from tests.chaos.points import Points

TTL_MS: Final = 1000
BEAT_S: Final = 0.3
SWEEP_S: Final = 0.3
FLUSH_S: Final = 0.11
"""5 s where the lock lives for 45 s."""
STEPS: Final = 4
_RENEW: Final = (
    "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end return 0"
)
_FREE: Final = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"

SCHEMA: Final = """
CREATE TABLE runs (run_id text PRIMARY KEY, status text NOT NULL DEFAULT 'running');
CREATE TABLE messages (run_id text, step integer, owner text, at timestamptz DEFAULT clock_timestamp());
CREATE TABLE charges (run_id text, step integer);
CREATE TABLE claims (run_id text, owner text, at timestamptz DEFAULT clock_timestamp());
"""


class LockWorker:
    """One worker."""

    def __init__(self, points: Points, store: redis.Redis, database: asyncpg.Pool[asyncpg.Record]) -> None:
        self._name = uuid4().hex
        self._points = points
        self._redis = store
        self._database = database
        self._runs: dict[str, asyncio.Task[None]] = {}
        self._buffer: list[tuple[str, int, str]] = []

    async def work(self) -> None:
        """Sweeps, renews and flushes until killed."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._forever(self._renew, BEAT_S))
            group.create_task(self._forever(self._flush, FLUSH_S))
            while True:
                for row in await self._database.fetch("SELECT run_id FROM runs WHERE status = 'running'"):
                    run_id = row["run_id"]
                    if run_id not in self._runs and await self._claim(run_id):
                        self._runs[run_id] = group.create_task(self._execute(run_id))
                await asyncio.sleep(SWEEP_S)

    async def _forever(self, job, every_s: float) -> None:  # type: ignore[no-untyped-def]
        while True:
            await asyncio.sleep(every_s)
            await job()

    async def _claim(self, run_id: str) -> bool:
        if not await self._redis.set(f"lock:{run_id}", self._name, nx=True, px=TTL_MS):
            return False
        await self._database.execute("INSERT INTO claims (run_id, owner) VALUES ($1, $2)", run_id, self._name)
        return True

    async def _renew(self) -> None:
        for run_id, task in list(self._runs.items()):
            if not await self._redis.eval(_RENEW, 1, f"lock:{run_id}", self._name, str(TTL_MS)):
                task.cancel()
                del self._runs[run_id]

    async def _flush(self) -> None:
        rows, self._buffer = self._buffer, []
        if rows:
            await self._database.executemany("INSERT INTO messages (run_id, step, owner) VALUES ($1, $2, $3)", rows)

    async def _execute(self, run_id: str) -> None:
        await self._points.reach("claim.after")
        stored = await self._database.fetchval("SELECT max(step) FROM messages WHERE run_id = $1", run_id)
        done = max(int(await self._redis.get(f"progress:{run_id}") or 0), stored or 0)
        for step in range(done + 1, STEPS + 1):
            await self._step(run_id, step)
        await self._points.reach("terminal.before")
        await self._flush()
        await self._database.execute("UPDATE runs SET status = 'completed' WHERE run_id = $1", run_id)
        await self._redis.eval(_FREE, 1, f"lock:{run_id}", self._name)
        self._runs.pop(run_id, None)

    async def _step(self, run_id: str, step: int) -> None:
        points, book = self._points, self._points.book
        await points.reach("intent.before")
        book.note(kind="model", key=f"{run_id}:{step}")
        await points.reach("first_token")
        await asyncio.sleep(0.05)
        await points.reach("tool_start")
        book.note(kind="once", key=f"{run_id}:{step}")
        await points.reach("effect.after")
        await asyncio.sleep(0.05)
        self._buffer.append((run_id, step, self._name))
        book.note(kind="shown", key=f"{run_id}:{step}")
        await points.reach("result.before")
        await self._redis.set(f"progress:{run_id}", step)
        await points.reach("result.after")
        if await self._redis.set(f"charged:{run_id}:{step}", 1, nx=True):
            await points.reach("charge.before")
            await self._database.execute("INSERT INTO charges VALUES ($1, $2)", run_id, step)
        await points.reach("charge.after")


async def main() -> None:
    """Works until killed."""
    folder, redis_url, database_url = sys.argv[1:]
    async with (
        redis.from_url(redis_url) as store,
        asyncpg.create_pool(database_url, min_size=1, max_size=4) as database,
    ):
        await LockWorker(Points(OrderBook(Path(folder))), store, database).work()


if __name__ == "__main__":
    asyncio.run(main())
