"""`python -m tests.bench [scene ...]`: measures side by side in one run, prints a table, writes bench/results."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from tests.bench import adapters, files, report, scenes
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
}


async def play(bench: scenes.Bench, wanted: list[str]) -> list[Row]:
    """The rows of the scenes that are wanted."""
    rows: list[Row] = []
    for name in wanted:
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        rows += await SCENES[name](bench)
    return rows


def main() -> None:
    """Runs all scenes, or those that are named."""
    wanted = sys.argv[1:] or list(SCENES)
    unknown = set(wanted) - set(SCENES)
    if unknown:
        sys.exit(f"no such scene: {', '.join(sorted(unknown))}; there are {', '.join(SCENES)}")
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o711)
        postgres = EmbeddedPostgres(Path(place) / "data")
        try:
            rows = measure(postgres, wanted)
        finally:
            postgres.close()
    path = report.write(rows, CHECKOUT / "bench" / "results")
    print(report.table(rows))
    print(f"\nwritten to {path.relative_to(CHECKOUT)}")


def measure(postgres: EmbeddedPostgres, wanted: list[str]) -> list[Row]:
    """A mesh on that Postgres, a model server, the scenes."""
    url = postgres.create_database()
    with scenes.model_server() as model_url:
        started = time.monotonic()
        with running_mesh(DATABASE_URL=url, OPENAI_API_BASE=model_url, MESH_LOG_LEVEL="warning") as mesh:
            cold = time.monotonic() - started
            bench = scenes.Bench(mesh, url, model_url)
            rows = asyncio.run(play(bench, wanted))
            rows += scenes.memory(bench)
    return [*rows, Row("cold start of the mesh, on a new database", cold, "s")]


if __name__ == "__main__":
    main()
