"""How many runs an account may start: a sliding window in Redis, one for all processes of the API.

The window remembers each start of the last minute, so that no minute, wherever it begins, has more than the limit. The
clock is that of Redis: those of the processes need not agree. Without Redis, and where it has lost its memory, each
process holds the same limit over what it let in itself: the bound is then the limit times the API's processes.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Final
from uuid import UUID

import structlog

from services.agent.domain.operations import WindowState
from services.agent.stream.own_windows import OwnWindows
from services.kit.errors import RateLimited
from services.kit.redis import CacheUnavailable, Redis, neutral_errors
from services.kit.telemetry import limiter_metrics

log = structlog.get_logger()

WINDOW_S: Final = 60
_REPEAT: Final = -1
_AWAY: Final = -2

# Of one member only the first start counts: a repeat passes, also where the first is still on its way.
_ADMIT: Final = """
local now = tonumber(ARGV[4])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local limit, window = tonumber(ARGV[2]), tonumber(ARGV[3])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now - window))
if redis.call('ZSCORE', KEYS[1], ARGV[1]) then
  return -1
end
if redis.call('ZCARD', KEYS[1]) >= limit then
  local oldest = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
  return math.max(1, oldest[2] + window - now)
end
redis.call('ZADD', KEYS[1], string.format('%.0f', now), ARGV[1])
redis.call('PEXPIRE', KEYS[1], window)
return 0
"""


class RateLimiter:
    """`limit` starts a minute and account; None: any number. `now_ms`: another clock than Redis' own; `monotonic`: this
    process', in seconds."""

    def __init__(
        self,
        client: Redis,
        limit: int | None,
        now_ms: Callable[[], int] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit = limit
        self._now_ms = now_ms
        self._admit = client.register_script(_ADMIT)
        self._metrics = limiter_metrics()
        self._away = False
        self._monotonic = monotonic
        self._own = OwnWindows(limit or 0, WINDOW_S)
        self._lately: deque[float] = deque()
        self._acquired = self._rejected = self._unchecked = 0

    @property
    def state(self) -> WindowState | None:
        """What it did since it began; None where nothing is limited."""
        if self._limit is None:
            return None
        self._forget()
        return WindowState(self._limit, WINDOW_S, len(self._lately), self._acquired, self._rejected, self._unchecked)

    async def admit(self, account_id: UUID, start_id: UUID) -> None:
        """One more start, or RateLimited. The same `start_id` counts once."""
        if self._limit is None:
            return
        began = self._monotonic()  # before Redis counts: what it has forgotten is forgotten here
        repeat = self._own.has(account_id, start_id, began)
        if wait_s := self._own.take(account_id, start_id, began):
            raise self._refused(wait_s)
        answer = await self._ask(f"agent:starts:{account_id}", str(start_id), self._limit)
        if answer > 0:
            if not repeat:
                self._own.give_back(account_id, start_id)
            raise self._refused(answer / 1000)
        if answer == _REPEAT and not repeat:  # it counts where it was let in first
            self._own.give_back(account_id, start_id)
        if answer == _AWAY and (wait_s := self._own.take(account_id, start_id, self._monotonic())):
            raise self._refused(wait_s)  # Redis refused the same start, asked for at once, and then went away
        if answer == _REPEAT or (answer == _AWAY and repeat):
            return
        if answer == _AWAY:
            self._unchecked += 1
            self._metrics.unchecked.inc()
        self._acquired += 1
        self._forget()
        self._lately.append(self._monotonic())

    def _refused(self, wait_s: float) -> RateLimited:
        self._rejected += 1
        self._metrics.refused.inc()
        return RateLimited(
            f"The account may start {self._limit} runs a minute",
            params={"limit": self._limit, "remaining": 0, "window_s": WINDOW_S},
            retry_after_s=wait_s,
        )

    def _forget(self) -> None:
        while self._lately and self._lately[0] <= self._monotonic() - WINDOW_S:
            self._lately.popleft()

    async def _ask(self, key: str, member: str, limit: int) -> int:
        """Milliseconds to wait; 0: admitted; _REPEAT: it was before; _AWAY: nobody knows."""
        now = self._now_ms() if self._now_ms else ""
        try:
            with neutral_errors():
                waits = int(await self._admit(keys=[key], args=[member, limit, WINDOW_S * 1000, now]))
        except CacheUnavailable:
            self._told(away=True)
            return _AWAY
        self._told(away=False)
        return waits

    def _told(self, *, away: bool) -> None:
        """Once when it begins, once when it is over."""
        if away != self._away:
            self._away = away
            log.warning("starts.limited_by_process" if away else "starts.limited_by_all")
