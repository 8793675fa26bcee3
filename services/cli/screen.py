"""The terminal of `mesh up`: its own lines and those of the parts, written by one thread.

A terminal that stands still (Ctrl-S, a pipe nobody reads) must not make the parts stand still: lines wait in a bounded
queue, and what does not fit is counted and left to the log files.
"""

from __future__ import annotations

import queue
import threading
from contextlib import suppress
from typing import TextIO

from rich.style import Style

_WAITING_CHUNKS = 5_000
_LAST_WORDS = 2.0  # seconds for the queue to drain at the end
_COLOURS = ("cyan", "green", "magenta", "yellow", "blue", "bright_cyan", "bright_green", "bright_magenta")


class Terminal:
    """Shows lines in the order they came. `quiet` leaves the parts' lines out."""

    def __init__(self, out: TextIO, *, width: int, quiet: bool = False) -> None:
        self._out = out
        self._width = width
        self._quiet = quiet
        self._colour = out.isatty()
        self._queue: queue.Queue[str | None] = queue.Queue(_WAITING_CHUNKS)
        self._left_out = 0
        self._prefixes: dict[str, str] = {}
        self._thread = threading.Thread(target=self._write, name="terminal", daemon=True)
        self._thread.start()

    def say(self, text: str) -> None:
        """A line of the mesh's own."""
        self._put(f"{self._prefix('mesh', 'bold')}{text}\n")

    def part_lines(self, part: str, lines: list[str]) -> None:
        """Lines that a part wrote."""
        if lines and not self._quiet:
            prefix = self._prefix(part, _COLOURS[len(self._prefixes) % len(_COLOURS)])
            self._put("".join(f"{prefix}{line}\n" for line in lines))

    def close(self) -> None:
        """Show what waits, for a moment; a terminal that stands still is left."""
        with suppress(queue.Full):
            self._queue.put(None, timeout=_LAST_WORDS)
            self._thread.join(_LAST_WORDS)

    def _put(self, text: str) -> None:
        try:
            self._queue.put_nowait(text)
        except queue.Full:
            self._left_out += 1

    def _prefix(self, name: str, style: str) -> str:
        if name not in self._prefixes:
            padded = f"{name:<{self._width}} | "
            self._prefixes[name] = Style.parse(style).render(padded) if self._colour else padded
        return self._prefixes[name]

    def _write(self) -> None:
        while (text := self._queue.get()) is not None:
            try:
                self._out.write(text + self._omission())
                self._out.flush()
            except (OSError, ValueError):
                return

    def _omission(self) -> str:
        left_out, self._left_out = self._left_out, 0
        return f"... {left_out} chunks not shown here, see the log files\n" if left_out else ""
