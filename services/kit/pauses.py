"""Pauses between tries: each twice as long as the one before, and none exactly so, so that many who wait for the same
neighbour do not all come back at once."""

from __future__ import annotations

import random
from collections.abc import Callable

Jitter = Callable[[float, float], float]
"""A number between two, any of them as likely."""


class Pauses:
    """From `first_s` to `longest_s` seconds, of each some part between half and the whole."""

    def __init__(self, first_s: float, longest_s: float, jitter: Jitter = random.uniform) -> None:
        self._first_s = self._next_s = first_s
        self._longest_s = longest_s
        self._jitter = jitter

    def next(self) -> float:
        """Seconds until the next try."""
        pause_s, self._next_s = self._next_s, min(self._next_s * 2, self._longest_s)
        return pause_s * self._jitter(0.5, 1.0)

    def reset(self) -> None:
        """It went well: the next pause is the first one again."""
        self._next_s = self._first_s
