"""No RPC works for longer than its row allows, nor than its caller waits."""

from __future__ import annotations

import asyncio
from typing import Any

from services.kit.clock import Clock
from services.kit.errors import DeadlineExceeded
from services.kit.interceptors.chain import Call, Proceed

_UNARY_S = 30.0


class Deadlines:
    """Applies the row's deadline where the caller sent none or a longer one; gRPC itself ends a shorter one."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def __call__(self, call: Call, proceed: Proceed) -> Any:
        remaining = call.context.time_remaining()
        limit = call.rule.deadline_s
        if limit is None and not (call.streams_out or call.streams_in):
            limit = _UNARY_S
        if limit is None or (remaining is not None and remaining <= limit):
            call.deadline = None if remaining is None else self._clock.monotonic() + remaining
            return await proceed(call)
        call.deadline = self._clock.monotonic() + limit
        return await self._bounded(call, proceed, limit)

    async def _bounded(self, call: Call, proceed: Proceed, limit: float) -> Any:
        try:
            async with asyncio.timeout(limit) as scope:
                return await proceed(call)
        except TimeoutError:
            if scope.expired():
                raise DeadlineExceeded from None
            raise
