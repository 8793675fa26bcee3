"""Pauses between tries: each twice as long as the one before, and none exactly so, so that many who wait for the same
neighbour do not all come back at once."""

from __future__ import annotations

import random
from collections.abc import Callable


class Pauses:
    """From `first_s` to `longest_s` seconds, each multiplied by what `uniform` says between a half and one."""

    def __init__(
        self, first_s: float, longest_s: float, uniform: Callable[[float, float], float] = random.uniform
    ) -> None:
        self._next_s = first_s
        self._longest_s = longest_s
        self._uniform = uniform

    def next(self) -> float:
        """The next one, in seconds."""
        pause_s = self._next_s
        self._next_s = min(pause_s * 2, self._longest_s)
        return pause_s * self._uniform(0.5, 1.0)
