"""What ends a run from outside: a stop, its deadline, a deleted thread, a worker that leaves.

Only waiting for others (a model, a tool, a pause) can be interrupted; a durable write never is, so that nobody has to
guess whether it happened.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

from services.agent.domain.run import StopReason

Reason = StopReason | Literal["deadline", "drain"]


class Interrupted(Exception):
    """Waiting was cut short."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason


class Interrupt:
    """One run's: the first reason counts. `deadline` in the loop's time."""

    def __init__(self, deadline: float) -> None:
        self.reason: Reason | None = None
        self.leaving = False
        """The worker leaves: give the run back at the next boundary between steps."""
        self._deadline = deadline
        self._scopes: set[asyncio.Timeout] = set()

    def trigger(self, reason: Reason) -> None:
        """Cuts every wait short, the ones to come included."""
        if self.reason is not None:
            return
        self.reason = reason
        now = asyncio.get_running_loop().time()
        for scope in self._scopes:
            if not scope.expired():
                scope.reschedule(now)

    def check(self) -> None:
        """Raises what was triggered."""
        if self.reason is None and asyncio.get_running_loop().time() >= self._deadline:
            self.reason = "deadline"
        if self.reason is not None:
            raise Interrupted(self.reason)

    def boundary(self) -> None:
        """Between two steps: raises what was triggered, or that the worker leaves."""
        self.check()
        if self.leaving:
            raise Interrupted("drain")

    @asynccontextmanager
    async def scope(self) -> AsyncIterator[None]:
        """A wait that may be cut short: raises Interrupted then."""
        self.check()
        timeout = asyncio.timeout_at(self._deadline)
        try:
            async with timeout:
                self._scopes.add(timeout)
                try:
                    yield
                finally:
                    self._scopes.discard(timeout)
        except TimeoutError:
            if not timeout.expired():
                raise
            self.reason = self.reason or "deadline"
            raise Interrupted(self.reason) from None
