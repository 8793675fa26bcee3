"""Circuit breakers: a dependency that keeps failing is left alone for a while, and asked again by a few probes.

Closed, every call passes. Five failures in a row open it: calls are refused at once, without being sent. After thirty
seconds, or sooner where the owner can see that the dependency is back, it is half open: three calls at a time may
try. Three successes in a row close it, one failure opens it again. What the dependency refuses is no failure.
Streams are admitted and settled like calls, but not counted among the three: nobody knows when they end.

The known libraries have no bound on probes while half open, or block a thread; this is what is left when both are
asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from services.kit.clock import Clock
from services.kit.errors import Unavailable
from services.kit.logging import get_logger
from services.kit.telemetry import breaker_metrics

log = get_logger()

Failing = Callable[[BaseException], bool]
"""Whether what a call raised speaks against the dependency."""

Back = Callable[[BaseException], bool]
"""Whether the dependency, which failed so last, can be seen to be back before the time is over."""


class CircuitOpen(Unavailable):
    """Not sent: the dependency failed too often. `retry_after_s` says when it is asked again."""

    reason = "CIRCUIT_OPEN"


class CircuitState(StrEnum):
    """Where a breaker stands."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(slots=True)
class CircuitStats:
    """Calls since the process began."""

    total_calls: int = 0
    successful_calls: int = 0
    failed_calls: int = 0
    rejected_calls: int = 0
    consecutive_failures: int = 0
    consecutive_successes: int = 0


@dataclass(frozen=True, slots=True)
class CircuitSettings:
    """`failures` in a row open it for `open_s` seconds; `successes` in a row, at so many at once, close it."""

    failures: int = 5
    open_s: float = 30.0
    successes: int = 3


DEFAULTS: Final = CircuitSettings()


class CircuitBreaker:
    """One dependency's breaker, for one event loop."""

    def __init__(
        self,
        name: str,
        clock: Clock,
        failing: Failing,
        *,
        settings: CircuitSettings = DEFAULTS,
        back: Back | None = None,
    ) -> None:
        self.name = name
        self.stats = CircuitStats()
        self.opened_at: datetime | None = None
        self._clock = clock
        self._failing = failing
        self._settings = settings
        self._back = back
        self._state = CircuitState.CLOSED
        self._opened = 0.0
        self._cause: BaseException | None = None
        self._probes = 0

    @property
    def state(self) -> CircuitState:
        """As the next call will find it."""
        if self._state is CircuitState.OPEN and (self.retry_after_s <= 0 or self._is_back()):
            return CircuitState.HALF_OPEN
        return self._state

    @property
    def retry_after_s(self) -> float:
        """Seconds until it is half open by itself; 0 unless it is open."""
        if self._state is not CircuitState.OPEN:
            return 0.0
        return max(0.0, self._opened + self._settings.open_s - self._clock.monotonic())

    @contextmanager
    def calling(self) -> Iterator[None]:
        """Around one call. CircuitOpen instead of a call that should not be made."""
        is_probe = self.admit()
        self._probes += is_probe
        try:
            yield
        except BaseException as error:
            self.settle(error)
            raise
        else:
            self.settle(None)
        finally:
            self._probes -= is_probe

    def admit(self) -> bool:
        """Lets one call pass, whose outcome is told by `settle`; True for a probe. Raises CircuitOpen."""
        if (state := self.state) is not self._state:
            self._turn(state)
        is_probe = self._state is CircuitState.HALF_OPEN
        if self._state is CircuitState.OPEN or (is_probe and self._probes >= self._settings.successes):
            self.stats.rejected_calls += 1
            breaker_metrics().rejected(self.name)
            raise CircuitOpen(retry_after_s=max(1.0, self.retry_after_s), params={"dependency": self.name})
        self.stats.total_calls += 1
        return is_probe

    def settle(self, error: BaseException | None) -> None:
        """A call ended; one that was cancelled says nothing."""
        if error is not None and self._failing(error):
            self._failed(error)
        elif error is None or isinstance(error, Exception):
            self._succeeded()

    def reset(self) -> None:
        """Closes it, whatever was; one that is closed forgets its failures."""
        if self._state is not CircuitState.CLOSED:
            self._turn(CircuitState.CLOSED)
        self.stats.consecutive_failures = 0

    def _succeeded(self) -> None:
        self.stats.successful_calls += 1
        self.stats.consecutive_successes += 1
        self.stats.consecutive_failures = 0
        if self._state is CircuitState.HALF_OPEN and self.stats.consecutive_successes >= self._settings.successes:
            self._turn(CircuitState.CLOSED)

    def _is_back(self) -> bool:
        return self._back is not None and self._cause is not None and self._back(self._cause)

    def _failed(self, error: BaseException) -> None:
        self._cause = error
        self.stats.failed_calls += 1
        self.stats.consecutive_failures += 1
        self.stats.consecutive_successes = 0
        worn = self.stats.consecutive_failures >= self._settings.failures
        if self._state is CircuitState.HALF_OPEN or (self._state is CircuitState.CLOSED and worn):
            self._turn(CircuitState.OPEN)

    def _turn(self, state: CircuitState) -> None:
        log.warning("circuit.turned", dependency=self.name, state=state, was=self._state)
        self._state = state
        self.stats.consecutive_successes = 0
        if state is CircuitState.OPEN:
            self._opened, self.opened_at = self._clock.monotonic(), self._clock.now()
        elif state is CircuitState.CLOSED:
            self.opened_at = None
            self.stats.consecutive_failures = 0
        breaker_metrics().turned(self.name, state)
