"""`python -m tests.chaos.baseline [--times N] [--write]`: crashes, pauses and wipes at each boundary of the design with
a lock, a run for each; prints what came of it."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final
from uuid import uuid4

import asyncpg

from tests.chaos import report
from tests.chaos.baseline.worker import SCHEMA, STEPS, TTL_MS
from tests.chaos.orders import Action, Order, OrderBook
from tests.support.mesh import CHECKOUT
from tests.support.postgres import EmbeddedPostgres
from tests.support.redis import EmbeddedRedis

POINTS: Final = (
    "claim.after", "intent.before", "first_token", "tool_start", "effect.after", "result.before", "result.after",
    "charge.before", "charge.after", "terminal.before",
)  # fmt: skip
FAULTS: Final[tuple[tuple[str, Action], ...]] = (("kill -9", "kill"), ("pause", "pause"), ("wipe of Redis", "wait"))
_ENDS_WITHIN_S: Final = 15.0


class Baseline:
    """Two workers, and what is done to them."""

    def __init__(
        self, folder: Path, redis: EmbeddedRedis, url: str, database: asyncpg.Connection[asyncpg.Record]
    ) -> None:
        self._folder = folder
        self._redis = redis
        self._url = url
        self._database = database
        self._workers: list[asyncio.subprocess.Process] = []
        self.book = OrderBook(folder)

    async def start(self) -> None:
        """One more worker."""
        self._workers.append(
            await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "tests.chaos.baseline.worker",
                str(self._folder),
                self._redis.url,
                self._url,
                cwd=CHECKOUT,
                stderr=asyncio.subprocess.DEVNULL,
            )
        )

    async def stop(self) -> None:
        """All workers end."""
        for worker in self._workers:
            with suppress(ProcessLookupError):
                worker.kill()
            await worker.wait()

    async def scene(self, point: str, action: Action) -> str:
        """One run with one fault; the run's id."""
        run_id, order = uuid4().hex, Order(uuid4().hex, action)
        self.book.lay(point, order)
        await self._database.execute("INSERT INTO runs (run_id) VALUES ($1)", run_id)
        async with asyncio.timeout(20):
            while (taken := self.book.taken(order.order_id)) is None:
                await asyncio.sleep(0.01)
        if action == "kill":
            await self.start()
        elif action == "pause":
            await asyncio.sleep(2.5 * TTL_MS / 1000)
            os.kill(taken.pid, signal.SIGCONT)
        else:
            self._redis.flush()
            await asyncio.sleep(1.5 * TTL_MS / 1000)
            self.book.go(order.order_id)
        with suppress(TimeoutError):
            async with asyncio.timeout(_ENDS_WITHIN_S):
                while await self._database.fetchval("SELECT status FROM runs WHERE run_id = $1", run_id) == "running":
                    await asyncio.sleep(0.05)
        await asyncio.sleep(0.6)  # what a sleeper that woke up still does
        return run_id

    async def figures(self, runs: dict[str, str]) -> list[tuple[str, object]]:
        """What came of all scenes: `runs` by id with the fault's name."""
        effects = Counter(effect["key"] for effect in self.book.effects() if effect["kind"] == "once")
        models = Counter(effect["key"] for effect in self.book.effects() if effect["kind"] == "model")
        shown = {effect["key"] for effect in self.book.effects() if effect["kind"] == "shown"}
        rows = await self._database.fetch("SELECT run_id, step, owner, at FROM messages")
        stored = Counter(f"{row['run_id']}:{row['step']}" for row in rows)
        charges = Counter(
            f"{row['run_id']}:{row['step']}" for row in await self._database.fetch("SELECT * FROM charges")
        )
        steps = {f"{run_id}:{step}" for run_id in runs for step in range(1, STEPS + 1)}
        zombies = await self._database.fetchval(
            "SELECT count(*) FROM messages m WHERE EXISTS (SELECT 1 FROM claims c WHERE c.run_id = m.run_id"
            " AND c.owner <> m.owner AND c.at < m.at AND c.at > (SELECT max(own.at) FROM claims own"
            " WHERE own.run_id = m.run_id AND own.owner = m.owner))"
        )
        unfinished = await self._database.fetchval("SELECT count(*) FROM runs WHERE status = 'running'")
        return [
            ("faults", ", ".join(f"{count} {kind}" for kind, count in Counter(runs.values()).items())),
            ("runs", f"{len(runs)}, {unfinished} not ended"),
            ("steps", len(steps)),
            ("steps that were shown, then lost", len(shown - set(stored))),
            ("duplicate effects", sum(count - 1 for count in effects.values())),
            ("steps stored twice", sum(count - 1 for count in stored.values())),
            ("zombie writes accepted", zombies),
            ("double charges", sum(count - 1 for count in charges.values())),
            ("steps never charged", len(steps - set(charges))),
            ("re-paid model calls", sum(count - 1 for count in models.values())),
        ]


@asynccontextmanager
async def baseline() -> AsyncIterator[Baseline]:
    """Postgres, Redis, two workers."""
    with tempfile.TemporaryDirectory(prefix="mesh-baseline-") as place:
        folder = Path(place)
        os.chmod(folder, 0o711)
        postgres, redis = EmbeddedPostgres(folder / "data"), EmbeddedRedis(folder)
        url = postgres.create_database()
        database = await asyncpg.connect(url)
        made = Baseline(folder / "chaos", redis, url, database)
        try:
            await database.execute(SCHEMA)
            for _ in range(2):
                await made.start()
            yield made
        finally:
            await made.stop()
            await database.close()
            redis.stop()
            postgres.close()


async def play(times: int) -> list[tuple[str, object]]:
    """Every fault at every point, so many times."""
    async with baseline() as made:
        runs = {}
        for _ in range(times):
            for kind, action in FAULTS:
                for point in POINTS:
                    runs[await made.scene(point, action)] = kind
        return await made.figures(runs)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.baseline", description=__doc__)
    parser.add_argument("--times", type=int, default=4)
    parser.add_argument("--write", action="store_true", help="put the table into docs/reliability.md")
    arguments = parser.parse_args()
    began = time.monotonic()
    figures = asyncio.run(play(arguments.times))
    text = report.markdown([("a lock with a time to live", f"in {time.monotonic() - began:.0f} s"), *figures])
    print(text)
    if arguments.write:
        report.write(text, "baseline")


if __name__ == "__main__":
    main()
