"""The long run: `python -m tests.fuzz [--seconds N] [--out DIR] [--seed N]`."""

from __future__ import annotations

import argparse
import asyncio
import shutil
import tempfile
from pathlib import Path
from uuid import uuid4

from tests.fuzz.rest import Outcome, fuzz
from tests.fuzz.seeds import Seeds, sow
from tests.support.mesh import RunningMesh, running_mesh

_LEAST = 5_000


def main() -> None:
    """Exits 1 where anything was found, or too little was asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=900, help="at most")
    parser.add_argument("--examples", type=int, default=60, help="for each operation")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=None, help="where reports are kept")
    given = parser.parse_args()
    folder = given.out or Path(tempfile.mkdtemp(prefix="mesh-fuzz-"))
    folder.mkdir(parents=True, exist_ok=True)
    limits = ("--max-examples", str(given.examples), "--max-time", str(given.seconds), "--seed", str(given.seed))
    with running_mesh() as mesh:
        outcome = _ask(mesh, folder, *limits)
        (folder / "mesh.log").write_text(mesh.log)
        shutil.copytree(mesh.data.root / "logs", folder / "logs", dirs_exist_ok=True)
    print(outcome.output)
    print(f"{outcome.requests} requests, {len(outcome.failures)} failures; reports: {folder}")
    raise SystemExit(1 if outcome.failures or outcome.requests < _LEAST else 0)


def _ask(mesh: RunningMesh, folder: Path, *arguments: str) -> Outcome:
    owner = str(uuid4())
    seeds = asyncio.run(_seeds(mesh, owner))
    phases = ("--phases", "examples,coverage,fuzzing", "--workers", "2")
    return fuzz(mesh, owner, seeds, folder, *phases, *arguments)


async def _seeds(mesh: RunningMesh, owner: str) -> Seeds:
    await mesh.make_admin(owner)
    async with mesh.client(owner) as client:
        return await sow(client)


if __name__ == "__main__":
    main()
