"""Each process tells regularly how it is; operators are shown all of them, from wherever they ask."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import asdict

import structlog

from services.agent.domain.operations import BreakerState, ProcessState
from services.agent.use_cases.write_buffer import WriteBuffer
from services.kit.circuit_breaker import CircuitBreaker
from services.kit.errors import MeshError

log = structlog.get_logger()


class ReportProcess:
    """Reports every `interval_s`, and when it is `wake`d."""

    def __init__(self, feel: Callable[[], ProcessState], buffer: WriteBuffer[ProcessState], interval_s: float) -> None:
        self._feel = feel
        self._buffer = buffer
        self._interval_s = interval_s
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Something changed that operators will look for."""
        self._woken.set()

    async def run(self) -> None:
        """Reports for ever."""
        while True:
            self._woken.clear()
            try:
                await self._buffer.put(self._feel())
            except MeshError as away:
                log.warning("process.not_reported", reason=away.reason)
            try:
                async with asyncio.timeout(self._interval_s):
                    await self._woken.wait()
            except TimeoutError:
                pass


def breaker_states(breakers: Iterable[CircuitBreaker]) -> tuple[BreakerState, ...]:
    """As they stand now."""
    return tuple(
        BreakerState(
            name=breaker.name,
            state=str(breaker.state),
            opened_at=breaker.opened_at.isoformat() if breaker.opened_at else None,
            retry_after=breaker.retry_after_s,
            **asdict(breaker.stats),
        )
        for breaker in breakers
    )
