"""Asking somebody who may be away: a run waits for neighbours as long as nothing ends it, and for storage anyhow."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import structlog

from services.agent.engine.interrupt import Interrupt
from services.kit.errors import DeadlineExceeded, Unavailable
from services.kit.postgres import StorageConflict, StorageUnavailable

log = structlog.get_logger()

T = TypeVar("T")
LONGEST_PAUSE_S: Final = 2.0


async def patiently(interrupt: Interrupt, ask: Callable[[], Awaitable[T]]) -> T:
    """Asks until somebody answers, a refusal included; `ask` is idempotent. Raises Interrupted."""
    pause = 0.1
    while True:
        async with interrupt.scope():
            try:
                return await ask()
            except (Unavailable, DeadlineExceeded) as away:
                log.warning("run.neighbour_away", reason=away.reason, retry_in_s=pause)
                await asyncio.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE_S)


async def until_stored(ask: Callable[[], Awaitable[T]]) -> T:
    """Asks storage until it answers; `ask` is idempotent. Without storage a run can not even be ended."""
    pause = 0.1
    while True:
        try:
            return await ask()
        except (StorageUnavailable, StorageConflict) as away:
            log.warning("run.storage_away", reason=away.reason, retry_in_s=pause)
        await asyncio.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE_S)
