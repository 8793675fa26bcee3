"""What the mesh's processes take of memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

from services.cli.state import load
from tests.support.mesh import RunningMesh


def memory_of(mesh: RunningMesh) -> dict[str, float]:
    """Proportional share of each part in MiB, its children included."""
    shares = {}
    for name, part in load(mesh.data.state).parts.items():
        assert part.process is not None
        process = psutil.Process(part.process.pid)
        shares[name] = sum(p.memory_full_info().pss for p in [process, *process.children(recursive=True)]) / 2**20
    return shares


@contextmanager
def peaks(mesh: RunningMesh, parts: Sequence[str]) -> Iterator[dict[str, float]]:
    """By how many MiB each of these parts grows within, at its peak: the kernel keeps it, nothing is sampled."""
    processes = {part: Path(f"/proc/{mesh.pid(part)}") for part in parts}
    for process in processes.values():
        (process / "clear_refs").write_text("5")
    before = {part: _status_mib(process, "VmRSS") for part, process in processes.items()}
    grown: dict[str, float] = {}
    yield grown
    grown.update({part: _status_mib(process, "VmHWM") - before[part] for part, process in processes.items()})


def _status_mib(process: Path, field: str) -> float:
    for line in (process / "status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) / 1024
    raise LookupError(field)
