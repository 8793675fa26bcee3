"""What the system tells processes of the time: libfaketime stands before it, with a file for each part.

Monotonic clocks go on as they are, as on a machine whose clock is set. The file is read anew at each look at the clock,
so that all processes of a part (each of Postgres' backends) agree. Envoy does not start behind it, and keeps the right
time.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Final

_VENDORED: Final = "vendor/libfaketime/src/libfaketime.so.1"
_HOUR_S: Final = 3600.0


class Clocks:
    """A folder that every part can read, whoever it runs as. `parts`: those whose clock can be moved."""

    def __init__(self, folder: Path, library: Path) -> None:
        self.parts: list[str] = []
        self._folder = folder
        folder.mkdir(mode=0o755)
        self._library = Path(shutil.copy(library, folder))
        self._library.chmod(0o755)

    def environment(self, part: str) -> dict[str, str]:
        """What makes a part's time ours; nothing where that can not be. Its clock is right at first."""
        if part == "envoy":
            return {}
        self.parts.append(part)
        self.move([part], 0)
        return {
            "LD_PRELOAD": str(self._library),
            "FAKETIME_TIMESTAMP_FILE": str(self._folder / part),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def move(self, parts: Iterable[str], seconds: float) -> None:
        """So much ahead of the machine's own clock, or behind it."""
        for part in parts:
            fresh = self._folder / f"{part}.new"
            fresh.write_text(f"{seconds:+.0f}\n")
            fresh.chmod(0o644)
            fresh.rename(self._folder / part)


def clocks_in(folder: Path) -> Clocks | None:
    """None where this machine has no libfaketime that moves a Python's clock and lets it sleep."""
    spec = find_spec("libfaketime")
    library = None if spec is None or spec.origin is None else Path(spec.origin).parent / _VENDORED
    if library is None or not library.exists():
        return None
    clocks = Clocks(folder, library)
    environment = os.environ | clocks.environment("trial")
    clocks.move(clocks.parts, _HOUR_S)
    clocks.parts.clear()
    asked = subprocess.run(
        [sys.executable, "-c", "import time; time.sleep(0.01); print(time.time())"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    moved = asked.returncode == 0 and float(asked.stdout) - time.time() > _HOUR_S / 2
    return clocks if moved else None
