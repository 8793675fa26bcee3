"""`python -m tests.bench [scene ...]`: measures side by side in one run, prints a table, writes bench/results.

`--chat-seconds 600` lets people chat for that long.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import sys
import tempfile
import time
from pathlib import Path

from tests.bench import adapters, chats, crowds, durability, files, multitude, report, scenes
from tests.bench.report import Row
from tests.support.mesh import CHECKOUT, running_mesh
from tests.support.postgres import EmbeddedPostgres

SCENES = {
    "unary": scenes.unary,
    "runs": scenes.run_rate,
    "first": scenes.first_token,
    "delay": scenes.delay,
    "stream": scenes.stream_rate,
    "cost": scenes.per_run,
    "adapters": adapters.adapters,
    "files": files.files,
    "viewers": crowds.on_one_run,
    "stuck": crowds.stuck,
    "idle": crowds.idle,
    "multitude": multitude.multitude,
    "durability": durability.durability,
    "pages": chats.pages,
    "chat": chats.chat,
}

_TOLD = {"MESH_LOG_LEVEL": "warning", "MESH_DEAF_CLIENT_S": "5"}


async def play(bench: scenes.Bench, wanted: list[str]) -> list[Row]:
    """The rows of the scenes that are wanted."""
    rows: list[Row] = []
    for name in wanted:
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        rows += await SCENES[name](bench)
    return rows


def main() -> None:
    """Runs all scenes, or those that are named."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("scene", nargs="*", choices=[*SCENES, []], help="all, when none is named")
    parser.add_argument("--chat-seconds", type=float, default=60.0)
    asked = parser.parse_args()
    wanted = asked.scene or list(SCENES)
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # a socket each for two thousand viewers
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o711)
        postgres = EmbeddedPostgres(Path(place) / "data")
        try:
            rows = measure(postgres, wanted, asked.chat_seconds)
        finally:
            postgres.close()
    path = report.write(rows, CHECKOUT / "bench" / "results")
    print(report.table(rows))
    print(f"\nwritten to {path.relative_to(CHECKOUT)}")


def measure(postgres: EmbeddedPostgres, wanted: list[str], chat_s: float) -> list[Row]:
    """A mesh on that Postgres, a model server, the scenes."""
    url = postgres.create_database()
    with scenes.model_server() as model_url:
        started = time.monotonic()
        with running_mesh(OPENAI_API_BASE=model_url, DATABASE_URL=url, **_TOLD) as mesh:
            cold = time.monotonic() - started
            bench = scenes.Bench(mesh, url, model_url, chat_s)
            rows = asyncio.run(play(bench, wanted))
            rows += scenes.memory(bench)
    return [*rows, Row("cold start of the mesh, on a new database", cold, "s")]


if __name__ == "__main__":
    main()
