"""Wake-ups between processes, by Redis PUBLISH: they save time and may be lost.

One channel for each kind, heard by every worker: work and stops are rare beside tokens.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import cast
from uuid import UUID

from services.agent.domain.run import StopReason
from services.kit.redis import CacheUnavailable, Redis, neutral_errors

_WORK = "agent:hints:work"
_STOP = "agent:hints:stop"
_RESET = "agent:hints:reset"
_LISTEN_S = 10.0
_PAUSE_S = 0.25
_GATHER_S = 0.01


class Hints:
    """Gives and hears hints. Redis being away is no error here: sweep and heartbeat find everything.

    Giving one takes no longer than a command of `client` may, and nothing while its circuit breaker is open.
    """

    def __init__(self, client: Redis) -> None:
        self._client = client
        self._is_due = asyncio.Event()

    async def run(self) -> None:
        """Gives what `work_soon` asks for, until cancelled."""
        while True:
            await self._is_due.wait()
            self._is_due.clear()
            await self.work()
            await asyncio.sleep(_GATHER_S)

    def work_soon(self) -> None:
        """As `work`, for who has somebody waiting: the first at once, one for all that follow within 10 ms."""
        self._is_due.set()

    async def work(self) -> None:
        """A run may be claimable."""
        await self._publish(_WORK, b"")

    async def stop(self, run_id: UUID, reason: StopReason) -> None:
        """A run was asked to stop."""
        await self._publish(_STOP, run_id.bytes + reason.encode())

    async def reset(self) -> None:
        """Circuit breakers are to be closed. Raises CacheUnavailable: this one must be heard."""
        with neutral_errors():
            await self._client.publish(_RESET, b"")

    async def resets(self) -> AsyncIterator[None]:
        """One item whenever circuit breakers are to be closed; forever."""
        async for _ in self._listen(_RESET):
            yield

    async def works(self) -> AsyncIterator[None]:
        """One item whenever there may be work; forever."""
        async for _ in self._listen(_WORK):
            yield

    async def stops(self) -> AsyncIterator[tuple[UUID, StopReason]]:
        """Runs that were asked to stop, and why; forever."""
        async for data in self._listen(_STOP):
            yield UUID(bytes=data[:16]), cast(StopReason, data[16:].decode())

    async def _publish(self, channel: str, data: bytes) -> None:
        with suppress(CacheUnavailable), neutral_errors():
            await self._client.publish(channel, data)

    async def _listen(self, channel: str) -> AsyncIterator[bytes]:
        while True:
            with suppress(CacheUnavailable), neutral_errors():
                async with self._client.pubsub(ignore_subscribe_messages=True) as subscription:
                    await subscription.subscribe(channel)
                    while True:
                        message = await subscription.get_message(timeout=_LISTEN_S)
                        if message is not None:
                            yield message["data"]
            await asyncio.sleep(_PAUSE_S)
