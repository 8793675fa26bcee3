"""Asking somebody who may be away: a run waits for neighbours as long as nothing ends it, and for storage anyhow."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import structlog

from services.agent.engine.interrupt import Interrupt
from services.kit.errors import DeadlineExceeded, Unavailable
from services.kit.pauses import Pauses
from services.kit.postgres import StorageConflict, StorageUnavailable

log = structlog.get_logger()

T = TypeVar("T")
FIRST_PAUSE_S: Final = 0.1
LONGEST_PAUSE_S: Final = 2.0


async def patiently(interrupt: Interrupt, ask: Callable[[], Awaitable[T]]) -> T:
    """Asks until somebody answers, a refusal included; `ask` is idempotent. Raises Interrupted."""
    pauses = Pauses(FIRST_PAUSE_S, LONGEST_PAUSE_S)
    while True:
        async with interrupt.scope():
            try:
                return await ask()
            except (Unavailable, DeadlineExceeded) as away:
                pause = pauses.next()
                log.warning("run.neighbour_away", reason=away.reason, retry_in_s=pause)
                await asyncio.sleep(pause)


async def until_stored(ask: Callable[[], Awaitable[T]]) -> T:
    """Asks storage until it answers; `ask` is idempotent. Without storage a run can not even be ended."""
    pauses = Pauses(FIRST_PAUSE_S, LONGEST_PAUSE_S)
    while True:
        try:
            return await ask()
        except (StorageUnavailable, StorageConflict) as away:
            pause = pauses.next()
            log.warning("run.storage_away", reason=away.reason, retry_in_s=pause)
        await asyncio.sleep(pause)
