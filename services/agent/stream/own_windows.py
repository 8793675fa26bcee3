"""What this process let in of each account within the last window: it holds the limit where Redis can not.

Whatever Redis admitted here is in it too, so that a Redis that goes away, or is wiped, begins no new window in this
process. Nothing is in it that Redis did not count, so it refuses nothing that a Redis with its memory would let in.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final
from uuid import UUID

ACCOUNTS: Final = 10_000
"""Remembered at once: the one that started nothing for longest is forgotten, and begins anew. Each takes some 100 bytes
a start within its window."""


class OwnWindows:
    """A sliding window of `limit` starts in `window_s` seconds for each of at most `accounts` accounts.

    Times are of one clock, in seconds, and never decrease.
    """

    def __init__(self, limit: int, window_s: float, accounts: int = ACCOUNTS) -> None:
        self._limit = limit
        self._window_s = window_s
        self._accounts = accounts
        self._starts: OrderedDict[UUID, OrderedDict[UUID, float]] = OrderedDict()

    def has(self, account_id: UUID, start_id: UUID, now: float) -> bool:
        """Whether a start is counted."""
        return start_id in self._window(account_id, now)

    def take(self, account_id: UUID, start_id: UUID, now: float) -> float:
        """Counts a start, once; else the seconds until the account may start again."""
        window = self._window(account_id, now)
        if start_id in window:
            return 0.0
        if len(window) >= self._limit:
            return next(iter(window.values())) + self._window_s - now  # the oldest's time
        window[start_id] = now
        self._starts[account_id] = window
        self._starts.move_to_end(account_id)
        if len(self._starts) > self._accounts:
            self._starts.popitem(last=False)
        return 0.0

    def give_back(self, account_id: UUID, start_id: UUID) -> None:
        """It was not let in after all."""
        self._starts.get(account_id, OrderedDict[UUID, float]()).pop(start_id, None)

    def _window(self, account_id: UUID, now: float) -> OrderedDict[UUID, float]:
        """Its starts that count, the oldest first."""
        window = self._starts.get(account_id, OrderedDict[UUID, float]())
        while window and next(iter(window.values())) <= now - self._window_s:
            window.popitem(last=False)
        return window
