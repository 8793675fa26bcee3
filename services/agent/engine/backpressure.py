"""Whether a worker takes more work: from its runs in flight, the lateness of its event loop, its memory, its pace, and
how old the queue is.

A worker that is late or full leaves runs to others; one that has nothing in flight always takes one, so that work goes
on even where every worker is slow. Nor does one that is only late hold back where runs have waited for long: those whom
it would leave them to do not take them. Memory that runs out is no matter of waiting.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from services.kit.clock import Clock

LATE_S, STALLED_S = 0.25, 1.0
"""Lateness of the loop from which a worker takes one run at a time, and none."""

FULL, EXHAUSTED = 0.80, 0.90
"""Share of its memory from which a worker takes one run at a time, and none."""

LONG_WAIT_S = 5.0
"""Age of the queue from which a worker that is late, but not stalled, takes as many runs as one that is not."""


class Level(StrEnum):
    """How hard it goes."""

    NORMAL = "normal"
    ELEVATED = "elevated"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Vitals:
    """What is felt: the loop's lateness in seconds, memory as a share of its limit, and for how many seconds the oldest
    run that could begin has waited."""

    loop_lag_s: float
    memory_share: float
    queue_age_s: float = 0.0

    @property
    def level(self) -> Level:
        """Of the process itself, however old the queue is."""
        if self.loop_lag_s >= STALLED_S or self.memory_share >= EXHAUSTED:
            return Level.CRITICAL
        if self.loop_lag_s >= LATE_S or self.memory_share >= FULL:
            return Level.ELEVATED
        return Level.NORMAL

    @property
    def is_needed(self) -> bool:
        """Whether runs wait for long that there is memory for."""
        return self.queue_age_s >= LONG_WAIT_S and self.memory_share < FULL


class TokenBucket:
    """`rate` tokens a second, `burst` at the most."""

    def __init__(self, rate: float, burst: int, clock: Clock) -> None:
        self.rate = rate
        self.burst = burst
        self._clock = clock
        self._tokens = float(burst)
        self.taken = 0
        """Since the process began."""
        self._seen = clock.monotonic()

    @property
    def tokens(self) -> int:
        """Whole ones that are there now."""
        now = self._clock.monotonic()
        self._tokens = min(self.burst, self._tokens + (now - self._seen) * self.rate)
        self._seen = now
        return int(self._tokens)

    def take(self, count: int) -> None:
        """Takes what `tokens` said is there."""
        self._tokens -= count
        self.taken += count


class BackpressureController:
    """One worker's. `slots`: runs at once."""

    def __init__(self, slots: int, bucket: TokenBucket, feel: Callable[[], Vitals], at_once: int) -> None:
        self.slots: Final = slots
        self.bucket = bucket
        self._feel = feel
        self._at_once = at_once
        self.waited = 0
        """How often nothing was claimed although a slot was free."""

    @property
    def level(self) -> Level:
        """At this moment."""
        return self._feel().level

    def allowance(self, in_flight: int) -> int:
        """How many runs may be claimed now; counted where nothing may be although a slot is free."""
        allowed = self.would_allow(in_flight)
        self.waited += allowed == 0 and in_flight < self.slots
        return allowed

    def would_allow(self, in_flight: int) -> int:
        """The same, only asked."""
        vitals = self._feel()
        late = self._at_once if vitals.is_needed else 1
        most = {Level.NORMAL: self._at_once, Level.ELEVATED: late, Level.CRITICAL: 0}[vitals.level]
        free = min(self.slots - in_flight, most if in_flight else max(most, 1))
        return max(0, min(free, self.bucket.tokens))

    def claimed(self, count: int) -> None:
        """So many were."""
        self.bucket.take(count)
