"""A file descriptor that threads use.

Whoever asked a thread for something may be cancelled and close the file meanwhile. The system then gives the same
number to the next file that is opened, perhaps another account's: so a number is used and closed under one lock.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Descriptor:
    """Owns a descriptor. Blocking."""

    def __init__(self, number: int) -> None:
        self._number: int | None = number
        self._lock = threading.Lock()

    @contextmanager
    def held(self) -> Iterator[int]:
        """The number, which stays this file's inside; ValueError once it was closed."""
        with self._lock:
            if self._number is None:
                raise ValueError("the file was closed")
            yield self._number

    def __del__(self) -> None:
        """Who opened it was cancelled before he had it."""
        self.close()

    def close(self) -> None:
        """Waits for whoever holds it. Again it does nothing."""
        with self._lock:
            if self._number is not None:
                os.close(self._number)
                self._number = None
