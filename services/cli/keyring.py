"""The secrets of a mesh on one machine, made once and kept in the data directory, readable by its owner alone."""

from __future__ import annotations

import os
import secrets
import uuid
from collections.abc import Callable
from pathlib import Path

_JWT_SECRET = "jwt.secret"  # noqa: S105 - a file's name
_DEVELOPER = "developer.id"


def jwt_secret(folder: Path) -> str:
    """The local secret of users' tokens."""
    return _kept(folder / _JWT_SECRET, lambda: secrets.token_urlsafe(48))


def developer_id(folder: Path) -> str:
    """The user that development tokens are made for: one UUID per data directory."""
    return _kept(folder / _DEVELOPER, lambda: str(uuid.uuid4()))


def _kept(path: Path, make: Callable[[], str]) -> str:
    if not path.exists():
        _write_private(path, make())
    return path.read_text().strip()


def _write_private(path: Path, content: str) -> None:
    """Whole or not at all, and at no moment readable by others."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    with open(fresh, "w", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(content)
    fresh.replace(path)
