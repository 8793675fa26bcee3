"""Where log lines go: collected for 20 ms and written at once.

A line of its own write would cost each RPC a system call, and wake whoever reads the pipe. Warnings and worse are
written immediately, with all that waited before them; so is everything while no event loop runs, and at exit. What a
kill can lose is 20 ms of informational lines.
"""

from __future__ import annotations

import asyncio
import atexit
from typing import BinaryIO

_PAUSE_S = 0.02


class LogOutput:
    """A structlog logger and a binary stream in one; lines are bytes without a newline."""

    def __init__(self, stream: BinaryIO, *, takes_json: bool) -> None:
        self.takes_json = takes_json
        self._stream = stream
        self._lines: list[bytes] = []
        self._is_due = False
        atexit.register(self.flush)

    def info(self, line: bytes) -> None:
        """Written soon."""
        self._lines.append(line)
        if not self._is_due:
            self._schedule()

    debug = msg = log = info

    def warning(self, line: bytes) -> None:
        """Written now."""
        self._lines.append(line)
        self.flush()

    error = critical = exception = fatal = failure = err = warn = warning

    def flush(self) -> None:
        """Writes what waits. A reader that is gone is no reason to fail."""
        self._is_due = False
        lines, self._lines = self._lines, []
        if lines:
            try:
                self._stream.write(b"\n".join([*lines, b""]))
                self._stream.flush()
            except (OSError, ValueError):
                return

    def _schedule(self) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.flush()
            return
        self._is_due = True
        loop.call_later(_PAUSE_S, self.flush)
