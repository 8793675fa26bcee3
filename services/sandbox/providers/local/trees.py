"""Walks and removes directory trees that a sandbox made, however deep, wide or oddly named they are.

Neither function follows links, builds long paths or recurses; a walk holds at most one descriptor per level.
"""

from __future__ import annotations

import itertools
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from services.sandbox.paths import MAX_DEPTH

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True)
class Usage:
    """What a tree takes: bytes on disk, entries, and how deep it goes."""

    disk_bytes: int = 0
    inodes: int = 0
    depth: int = 0


def measure(root: Path) -> Usage:
    """The usage of a tree. Stops descending below `MAX_DEPTH` + 1, which is itself a finding."""
    disk_bytes = inodes = deepest = 0
    linked: set[int] = set()
    for info, depth in _entries(root):
        inodes += 1
        deepest = max(deepest, depth)
        if info.st_nlink > 1 and not stat.S_ISDIR(info.st_mode):
            if info.st_ino in linked:
                continue
            linked.add(info.st_ino)
        disk_bytes += info.st_blocks * 512
    return Usage(disk_bytes, inodes, deepest)


def _entries(root: Path) -> Iterator[tuple[os.stat_result, int]]:
    """Every entry below `root` with its depth, from 1; what vanishes meanwhile is left out."""
    levels: list[tuple[int, Iterator[os.DirEntry[str]]]] = []
    try:
        _descend(levels, os.open(root, DIRECTORY))
        while levels:
            descriptor, entries = levels[-1]
            entry = next(entries, None)
            if entry is None:
                levels.pop()
                os.close(descriptor)
                continue
            with suppress(OSError):  # it vanished, or its mode hides it from a service that is not root
                info = os.stat(entry.name, dir_fd=descriptor, follow_symlinks=False)
                yield info, len(levels)
                if stat.S_ISDIR(info.st_mode) and len(levels) <= MAX_DEPTH:
                    _descend(levels, os.open(entry.name, DIRECTORY, dir_fd=descriptor))
    finally:
        for descriptor, _ in levels:
            os.close(descriptor)


def _descend(levels: list[tuple[int, Iterator[os.DirEntry[str]]]], descriptor: int) -> None:
    with os.scandir(descriptor) as entries:
        levels.append((descriptor, iter(list(entries))))


def purge(path: Path) -> None:
    """Removes a tree that lies in a directory of the service's own.

    Directories found on the way are moved up into a yard beside it and removed in turn, so that depth costs neither
    descriptors nor path length. A purge that was cut short is finished by the next of the same name.
    """
    yard = path.with_name(f"{path.name}.purge")
    yard.mkdir(exist_ok=True, mode=0o700)
    numbers = itertools.count(1 + max((int(entry) for entry in os.listdir(yard)), default=0))
    path.rename(yard / str(next(numbers)))
    descriptor = os.open(yard, DIRECTORY)
    try:
        while pending := os.listdir(descriptor):
            for name in pending:
                _empty_into(descriptor, name, numbers)
    finally:
        os.close(descriptor)
    yard.rmdir()


def _empty_into(yard: int, name: str, numbers: Iterator[int]) -> None:
    """Removes one entry of the yard, moving the directories in it up into the yard."""
    if not _opened_up(yard, name):
        os.unlink(name, dir_fd=yard)
        return
    directory = os.open(name, DIRECTORY, dir_fd=yard)
    try:
        for child in os.listdir(directory):
            if _opened_up(directory, child):
                os.rename(child, str(next(numbers)), src_dir_fd=directory, dst_dir_fd=yard)
            else:
                os.unlink(child, dir_fd=directory)
    finally:
        os.close(directory)
    with suppress(OSError):  # refilled by somebody who still had it open: the next round
        os.rmdir(name, dir_fd=yard)


def _opened_up(parent: int, name: str) -> bool:
    """Whether `name` is a directory, made writable: to move one is to write its `..`.

    The mode is changed through a pinned descriptor: by name, a link swapped in meanwhile would be followed.
    """
    try:
        pinned = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    except NotADirectoryError:
        return False
    try:
        os.chmod(f"/proc/self/fd/{pinned}", 0o700)
    finally:
        os.close(pinned)
    return True
