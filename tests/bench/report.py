"""Rows of figures, as a table and as JSON."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil


@dataclass(frozen=True)
class Row:
    """One figure: `ratio` is to `beside`, measured in the same run; `asked` is what we ask of it."""

    what: str
    value: float
    unit: str
    beside: str = ""
    ratio: float | None = None
    asked: str = ""
    met: bool | None = None


def table(rows: list[Row]) -> str:
    """As Markdown."""
    lines = ["| what | value | beside | ratio | asked | |", "|---|---|---|---|---|---|"]
    for row in rows:
        ratio = f"{row.ratio:.3g}" if row.ratio is not None else ""
        verdict = "" if row.met is None else "met" if row.met else "open"
        value = f"{row.value:,.0f}" if row.value >= 1000 else f"{row.value:.3g}"
        lines.append(f"| {row.what} | {value} {row.unit} | {row.beside} | {ratio} | {row.asked} | {verdict} |")
    return "\n".join(lines)


def machine() -> dict[str, object]:
    """Where this was measured."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit.stdout.strip(),
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 2),
    }


def write(rows: list[Row], directory: Path) -> Path:
    """Writes the JSON; its path."""
    directory.mkdir(parents=True, exist_ok=True)
    about = machine()
    path = directory / f"{str(about['date']).replace(':', '')}.json"
    path.write_text(json.dumps({"machine": about, "rows": [asdict(row) for row in rows]}, indent=2) + "\n")
    return path
