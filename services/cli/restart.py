"""When a part that died is started again, and when that is hopeless. Pure: time comes in as numbers.

Each death within the window doubles the pause; as many as `deaths` of them in one window mean that starting it
again does not help.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class RestartPolicy:
    """All times in seconds."""

    first_pause: float = 0.2
    longest_pause: float = 10.0
    deaths: int = 5
    window: float = 60.0


@dataclass
class Deaths:
    """The recent deaths of one part."""

    policy: RestartPolicy
    _times: list[float] = field(default_factory=list)

    def record(self, now: float) -> float | None:
        """Note a death at `now`; the pause before the next start, or None when it is time to give up."""
        self._times = [time for time in self._times if now - time < self.policy.window] + [now]
        if self.recent >= self.policy.deaths:
            return None
        pause: float = self.policy.first_pause * 2 ** (self.recent - 1)
        return min(pause, self.policy.longest_pause)

    @property
    def recent(self) -> int:
        """Deaths within the window that ended with the last one."""
        return len(self._times)
