"""Makes files of a workspace as they were: planned, checked and staged first, then put in place one by one.

Each file is looked at once more before it is touched. One that is not what the newest version has any more ends it:
what the history does not hold is never destroyed. (Between that look and the rename lie microseconds.)
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from services.sandbox.domain import Collision
from services.sandbox.errors import FileMissing, RevertConflict
from services.sandbox.paths import MAX_DEPTH, absolute, shown
from services.sandbox.providers.local.beneath import walk
from services.sandbox.providers.local.files import LocalFiles
from services.sandbox.providers.local.homes import Home
from services.sandbox.providers.local.repository import Entry
from services.sandbox.providers.local.scan import PERMISSIONS, Parts, Scan, fingerprint
from services.sandbox.providers.local.trees import purge

NOT_HELD = "Something that the history does not hold is in the way"


class FilesChangingError(RuntimeError):
    """A file changed after it was last recorded."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


@dataclass(frozen=True)
class Step:
    """One file: what it is now, and what it shall be; None is nothing."""

    path: str
    now: Entry | None
    wanted: Entry | None

    @property
    def parts(self) -> Parts:
        return tuple(self.path.split("/"))


def plan(now: Mapping[str, Entry], wanted: Mapping[str, Entry], paths: Sequence[Parts]) -> list[Step]:
    """What differs at and below the paths, or with none anywhere, sorted. FILE_NOT_FOUND for a path in neither."""
    named = {"/".join(parts) for parts in paths} or {""}
    chosen = {path: named.intersection(_at_and_above(path)) for path in now.keys() | wanted.keys()}
    for name in named.difference({""}, *chosen.values()):
        raise FileMissing.of(absolute((name,)))
    differing = (path for path in sorted(chosen) if chosen[path] and now.get(path) != wanted.get(path))
    return [Step(path, now.get(path), wanted.get(path)) for path in differing]


def _at_and_above(path: str) -> Iterator[str]:
    yield ""
    for end, letter in enumerate(path):
        if letter == "/":
            yield path[:end]
    yield path


class Restoration:
    """Carries out steps in one home. `content` gives the bytes of an entry. Blocking. A context: what it stages is
    gone after it."""

    def __init__(self, home: Home, scan: Scan, content: Callable[[str], bytes]) -> None:
        self._home, self._scan, self._content = home, scan, content
        self._files = LocalFiles(home, file_bytes=0, opener=walk)
        self._staging = home.staging / "revert"

    def __enter__(self) -> Self:
        self.__exit__()  # a service that was killed may have left something
        self._staging.mkdir(mode=0o700)
        return self

    def __exit__(self, *_: object) -> None:
        if self._staging.exists():
            purge(self._staging)

    def check(self, steps: Sequence[Step]) -> None:
        """REVERT_CONFLICT where something that no version holds would be destroyed."""
        removed = {step.path for step in steps if step.wanted is None}
        for step in steps:
            if step.wanted is not None and step.now is None:
                self._check_free(step.parts, removed)

    def _check_free(self, parts: Parts, removed: set[str]) -> None:
        """Whether a file can come to be where none is: all that is on the way there goes, or is a directory."""
        for depth in range(1, len(parts) + 1):
            there = self._files.status(parts[:depth])
            if there is None:
                return
            if not stat.S_ISDIR(there.st_mode) and "/".join(parts[:depth]) not in removed:
                raise RevertConflict.of(shown(absolute(parts[:depth])), NOT_HELD)
        for path in self._below(parts):
            if path not in removed:
                raise RevertConflict.of(shown(absolute((path,))), NOT_HELD)

    def _below(self, parts: Parts) -> Iterator[str]:
        """Whatever is below a directory and is none; one too deep counts as something."""
        if len(parts) > MAX_DEPTH:
            yield "/".join(parts)
            return
        for name in self._files.names(parts):
            there = self._files.status((*parts, name))
            if there is not None and stat.S_ISDIR(there.st_mode):
                yield from self._below((*parts, name))
            else:
                yield "/".join((*parts, name))

    def stage(self, steps: Sequence[Step]) -> int:
        """Writes what is wanted outside the workspace; how many bytes larger it makes it."""
        grown = 0
        for number, step in enumerate(steps):
            if step.wanted is not None:
                content = self._content(step.wanted.blob)
                grown += len(content)
                self._write(self._staging / str(number), step.wanted.mode, content)
            if step.now is not None:
                grown -= self._scan.seen[step.path][1]
        return grown

    def apply(self, steps: Sequence[Step]) -> None:
        """Puts what was staged in place. `FilesChangingError` at the first file that is not as the scan saw it."""
        for step in steps:
            if step.wanted is None:
                self._require_unchanged(step)
                self._files.remove(step.parts)
        for number, step in enumerate(steps):
            if step.wanted is not None:
                self._files.remove_empty(step.parts)
                self._require_unchanged(step)
                self._files.place(self._staging / str(number), step.parts, Collision.REPLACE)

    def _require_unchanged(self, step: Step) -> None:
        there = self._files.status(step.parts)
        seen = self._scan.seen[step.path] if step.now is not None else None
        if (fingerprint(there) if there is not None else None) != seen:
            raise FilesChangingError(step.path)

    def _write(self, path: Path, mode: int, content: bytes) -> None:
        if stat.S_ISLNK(mode):
            os.symlink(content, os.fsencode(path))
            if self._home.uid is not None:
                os.chown(path, self._home.uid, self._home.uid, follow_symlinks=False)
            return
        with path.open("xb") as file:
            file.write(content)
            self._home.own(file.fileno())
            os.fchmod(file.fileno(), mode & PERMISSIONS)
