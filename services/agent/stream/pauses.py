"""Pauses between attempts to reach Redis: who lost it together does not come back together."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

Jitter = Callable[[float, float], float]
"""A number between two, any of them as likely."""

FIRST_S: Final = 0.02
LONGEST_S: Final = 0.5


class Pauses:
    """20 ms, then twice as long each time, up to half a second; of each, some part between half and the whole."""

    def __init__(self, jitter: Jitter = random.uniform) -> None:
        self._jitter = jitter
        self._next_s = FIRST_S

    def take(self) -> float:
        """Seconds until the next attempt."""
        pause, self._next_s = self._next_s, min(self._next_s * 2, LONGEST_S)
        return pause * self._jitter(0.5, 1.0)

    def reset(self) -> None:
        """It was reached."""
        self._next_s = FIRST_S
