"""Shows live viewers a terminal that was not written by the run's owner: it is the only event of its epoch."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final
from uuid import UUID

from services.agent.stream.codec import frame
from services.agent.stream.ids import EventId
from services.agent.stream.ports import Entry, WireDown
from services.agent.stream.publisher import ENDED_TTL_MS
from services.agent.stream.tail import Tail
from services.agent.stream.wire import Refused, Wire

_WITHIN_S: Final = 0.25


class EndAnnouncer:
    """`ports.AnnounceEnd` over Redis; without it viewers find the terminal in Postgres within a few seconds.

    The end is durable before: whoever asked for it waits no longer than 0.25 s for this.
    """

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def __call__(self, run_id: UUID, epoch: int, payload: bytes) -> None:
        entry = Entry(1, EventId(epoch, 1), frame(payload), terminal=True)
        with suppress(WireDown, Refused, TimeoutError):
            async with asyncio.timeout(_WITHIN_S):
                await Tail(self._wire, run_id).append(entry, None, ENDED_TTL_MS)
