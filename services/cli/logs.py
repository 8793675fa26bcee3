"""What the parts write: into one bounded file each, the last lines in memory, and to the terminal with a prefix.

Whole chunks are handled, not lines, so that a chatty part costs the supervisor little.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Protocol

_FILE_BYTES = 16 * 1024 * 1024
_TAIL_LINES = 20
_LONGEST_LINE = 64 * 1024


class Screen(Protocol):
    """Where lines are shown; never blocks."""

    def part_lines(self, part: str, lines: list[str]) -> None:
        """Show lines that a part wrote."""


class BoundedFile:
    """A log file that never grows beyond `limit` bytes: what is full becomes `<name>.1`, what was there goes."""

    def __init__(self, path: Path, limit: int = _FILE_BYTES) -> None:
        self._path = path
        self._limit = limit
        self._file: BinaryIO = path.open("ab", buffering=0)

    def write(self, chunk: bytes) -> None:
        if self._file.tell() + len(chunk) > self._limit:
            self._turn_over()
        self._file.write(chunk[-self._limit :])

    def close(self) -> None:
        self._file.close()

    def _turn_over(self) -> None:
        self._file.close()
        self._path.replace(self._path.with_name(f"{self._path.name}.1"))
        self._file = self._path.open("ab", buffering=0)


class PartLog:
    """The output of one part, over all its restarts."""

    def __init__(self, part: str, file: BoundedFile, screen: Screen) -> None:
        self._part = part
        self._file = file
        self._screen = screen
        self._rest = b""
        self._tail: deque[str] = deque(maxlen=_TAIL_LINES)

    def write(self, chunk: bytes) -> None:
        """Take what came through the pipe, in whatever pieces."""
        self._file.write(chunk)
        *whole, self._rest = (self._rest + chunk).split(b"\n")
        if len(self._rest) > _LONGEST_LINE:
            whole, self._rest = [*whole, self._rest], b""
        lines = [line.decode(errors="replace") for line in whole]
        self._tail.extend(lines)
        self._screen.part_lines(self._part, lines)

    def tail(self) -> tuple[str, ...]:
        """The last lines, oldest first."""
        return (*self._tail, self._rest.decode(errors="replace")) if self._rest else tuple(self._tail)

    def close(self) -> None:
        self._file.close()


class LogBook:
    """The logs of all parts."""

    def __init__(self, path_of: Callable[[str], Path], screen: Screen) -> None:
        self._path_of = path_of
        self._screen = screen
        self._logs: dict[str, PartLog] = {}

    def of(self, part: str) -> PartLog:
        if part not in self._logs:
            self._logs[part] = PartLog(part, BoundedFile(self._path_of(part)), self._screen)
        return self._logs[part]

    def close(self) -> None:
        for log in self._logs.values():
            log.close()
