"""Paths as callers write them, and as components below the workspace.

Refusing `..` and foreign absolute paths here gives a clear error; that no path leaves the workspace, whatever its links
say, is held by the provider when it opens.
"""

from __future__ import annotations

import os

from services.sandbox.errors import InvalidPath

WORKSPACE = "/workspace"
MAX_PATH_BYTES = 4096
MAX_NAME_BYTES = 255
MAX_DEPTH = 128
MAX_LABEL = 100


def path_parts(path: str, *, field: str = "path") -> tuple[str, ...]:
    """The components of a path below the workspace; the workspace itself is `()`.

    Accepts `a/b`, `./a/b` and `/workspace/a/b`. Other absolute paths, `..`, NUL and what no file system could name are
    `InvalidPath`.
    """
    if "\0" in path:
        raise InvalidPath.at(path, "must not contain NUL", field=field)
    if len(path.encode()) > MAX_PATH_BYTES:
        raise InvalidPath.at(path, f"is longer than {MAX_PATH_BYTES} bytes", field=field)
    parts = tuple(part for part in _below_workspace(path, field).split("/") if part not in ("", "."))
    if ".." in parts:
        raise InvalidPath.at(path, "must not contain '..'", field=field)
    if any(len(part.encode()) > MAX_NAME_BYTES for part in parts):
        raise InvalidPath.at(path, f"has a name longer than {MAX_NAME_BYTES} bytes", field=field)
    if len(parts) > MAX_DEPTH:
        raise InvalidPath.at(path, f"is deeper than {MAX_DEPTH} directories", field=field)
    return parts


def _below_workspace(path: str, field: str) -> str:
    if not path.startswith("/"):
        return path
    if path == WORKSPACE or path.startswith(WORKSPACE + "/"):
        return path[len(WORKSPACE) :]
    raise InvalidPath.at(path, f"must be relative or below {WORKSPACE}", field=field)


def absolute(parts: tuple[str, ...]) -> str:
    """The path a sandbox sees for the components of `path_parts`."""
    return "/".join((WORKSPACE, *parts))


def shown(path: str) -> str:
    """A path that the file system told, as text that can be sent: names need not be text."""
    return os.fsencode(path).decode(errors="replace")


def label(path: str) -> str:
    """A path for one line of a message."""
    return "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in shown(path)[:MAX_LABEL]
    )


def numbered(name: str, number: int) -> str:
    """The name an upload takes when its own is taken: `report.pdf` becomes `report_1.pdf`."""
    stem, dot, suffix = name.rpartition(".")
    if not stem:
        return f"{name}_{number}"
    return f"{stem}_{number}{dot}{suffix}"
