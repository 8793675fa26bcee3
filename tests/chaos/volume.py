"""A file system that can be full: a file, mounted, which takes root and a loop device."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_BYTES: Final = 3 << 30
_BLOCK: Final = 1 << 12


@contextmanager
def mounted(image: Path, folder: Path) -> Iterator[Path | None]:
    """3 GiB of ext4 on a folder that it makes; None where this machine does not let us."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(image, "wb") as file:
        file.truncate(_BYTES)
    is_mounted = _done("mkfs.ext4", "-q", "-F", "-m", "0", image) and _done("mount", "-o", "loop", image, folder)
    try:
        yield folder if is_mounted else None
    finally:
        if is_mounted:
            _done("umount", "--lazy", folder)
        image.unlink()


def _done(*command: str | Path) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def fill(ballast: Path) -> None:
    """Takes all that the file's volume has left."""
    end, size = 0, _BYTES
    with open(ballast, "wb") as file:
        while size >= _BLOCK:
            try:
                os.posix_fallocate(file.fileno(), end, size)
                end += size
            except OSError:
                size //= 2
