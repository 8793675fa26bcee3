"""What is in a workspace now, for its history: read beneath it, following no link, while commands may change it.

Content is read only where `lstat` differs from what the last scan saw: a file's change time cannot be set by anybody,
so a file that looks the same is the same. The exception are files that changed in the moment of the scan, since the
next change may fall into the same tick of the clock: they are read again.
"""

from __future__ import annotations

import json
import os
import stat
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from services.kit.errors import MeshError
from services.sandbox.paths import MAX_DEPTH, label
from services.sandbox.providers.local.beneath import Beneath, walk
from services.sandbox.providers.local.repository import Entry

MADE_ANEW = frozenset(
    {"node_modules", "__pycache__", ".venv", "venv", ".cache", ".npm", ".mypy_cache", ".pytest_cache"}
)
"""Directories that tools fill by themselves, and large: left out by name."""

GIT = ".git"
"""Left out whatever it is: half of it put back would break a repository, and to ours it must mean nothing."""

PERMISSIONS = 0o777
_TICK_NS = 50_000_000  # longer than a tick of any file system's clock
_NAMED = 3

Parts = tuple[str, ...]
Fingerprint = tuple[int, int, int, int, int]
"""Mode, size, times of modification and change, inode."""
Known = dict[str, tuple[Fingerprint, str]]
"""Fingerprint and content of each file that an earlier scan saw."""


def fingerprint(info: os.stat_result) -> Fingerprint:
    """By which a file is known to be unchanged."""
    return info.st_mode, info.st_size, info.st_mtime_ns, info.st_ctime_ns, info.st_ino


@dataclass(frozen=True)
class Bounds:
    """What a version holds at most: files, bytes of one, bytes of all."""

    files: int
    file_bytes: int
    total_bytes: int


@dataclass
class LeftOut:
    """What a version does not hold, in words for its message."""

    large: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    too_many: int = 0

    def __str__(self) -> str:
        reasons = [
            *_named("too large", self.large),
            *_named("not readable", self.unreadable),
            *([f"{self.too_many} more files than a version holds"] if self.too_many else []),
        ]
        return f"Left out: {'; '.join(reasons)}" if reasons else ""


@dataclass
class Scan:
    """The files of a workspace, by path below it; `seen` is what `lstat` said when they were read."""

    entries: dict[str, Entry] = field(default_factory=dict)
    seen: dict[str, Fingerprint] = field(default_factory=dict)
    left_out: LeftOut = field(default_factory=LeftOut)

    def settled_before(self, moment_ns: int) -> Known:
        """What the next scan may believe: files that had not changed for a moment then."""
        return {
            path: (self.seen[path], entry.blob)
            for path, entry in self.entries.items()
            if self.seen[path][3] < moment_ns - _TICK_NS
        }


def known(path: Path) -> Known:
    """What was saved."""
    try:
        rows = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return {row[0]: ((row[1], row[2], row[3], row[4], row[5]), row[6]) for row in rows}


def save(path: Path, settled: Known) -> None:
    """For the next scan. It may be lost at any time."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.write_text(json.dumps([(name, *seen, blob) for name, (seen, blob) in settled.items()]))
    fresh.rename(path)


def scan(root: int, before: Known, bounds: Bounds, add_content: Callable[[bytes], str]) -> Scan:
    """The workspace below the descriptor `root`. Content that is not known goes to `add_content`, which names it."""
    found, left = Scan(), bounds.total_bytes
    beneath = Beneath(root, walk)
    for parts, info in _files(beneath):
        path, now = "/".join(parts), fingerprint(info)
        if info.st_size > bounds.file_bytes:
            found.left_out.large.append(path)
            continue
        if len(found.entries) == bounds.files or info.st_size > left:
            found.left_out.too_many += 1
            continue
        believed, blob = before.get(path, (None, ""))
        if believed != now:
            content = _content(beneath, parts, info, bounds.file_bytes)
            if content is None:
                found.left_out.unreadable.append(path)
                continue
            blob = add_content(content)
        left -= info.st_size
        found.seen[path] = now
        found.entries[path] = Entry(_mode(info), blob)
    return found


def _mode(info: os.stat_result) -> int:
    """A file's type and permissions; links have none."""
    kind = stat.S_IFMT(info.st_mode)
    return kind if kind == stat.S_IFLNK else kind | info.st_mode & PERMISSIONS


def _files(beneath: Beneath) -> Iterator[tuple[Parts, os.stat_result]]:
    """Regular files and links, those nearest to the root first. What vanishes meanwhile is left out."""
    pending: deque[Parts] = deque([()])
    while pending:
        above = pending.popleft()
        for name, info in _listed(beneath, above):
            if stat.S_ISDIR(info.st_mode):
                if name not in MADE_ANEW and len(above) < MAX_DEPTH:
                    pending.append((*above, name))
            elif stat.S_ISREG(info.st_mode) or stat.S_ISLNK(info.st_mode):
                yield (*above, name), info


def _listed(beneath: Beneath, parts: Parts) -> list[tuple[str, os.stat_result]]:
    found: list[tuple[str, os.stat_result]] = []
    try:
        directory = beneath.directory(parts)
    except MeshError:  # it vanished, became something else, or its mode forbids it
        return found
    try:
        for name in sorted(os.listdir(directory)):
            with suppress(FileNotFoundError):
                if name != GIT:
                    found.append((name, os.stat(name, dir_fd=directory, follow_symlinks=False)))
    finally:
        os.close(directory)
    return found


def _content(beneath: Beneath, parts: Parts, info: os.stat_result, most: int) -> bytes | None:
    """A file's bytes, `most` of them should it grow, or where a link points to; None where that cannot be read."""
    try:
        if stat.S_ISLNK(info.st_mode):
            return _target(beneath.pin(parts))
        with os.fdopen(beneath.regular_file(parts), "rb") as file:
            return file.read(most)
    except (MeshError, OSError):  # its mode forbids it, or it changed meanwhile
        return None


def _target(link: int) -> bytes:
    try:
        return os.readlink(b"", dir_fd=link)
    finally:
        os.close(link)


def _named(reason: str, paths: list[str]) -> Iterator[str]:
    if paths:
        more = f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else ""
        yield f"{reason}: {', '.join(map(label, paths[:_NAMED]))}{more}"
