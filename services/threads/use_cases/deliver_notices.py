"""Other services hear of deletions: at once where they are there, else again and again until they are."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from services.kit.errors import MeshError
from services.kit.logging import get_logger
from services.threads.domain import Notice
from services.threads.ports import Neighbours, NoticeStore

log = get_logger()

_BATCH = 20


class DeliverNotices:
    """Takes due notices from the store and delivers them. Claiming makes one not due for a while, so that several
    processes share the work, and what fails or is cut comes again later."""

    def __init__(self, notices: NoticeStore, neighbours: Neighbours, poll_s: float) -> None:
        self._notices = notices
        self._neighbours = neighbours
        self._poll_s = poll_s
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """There may be something to deliver."""
        self._woken.set()

    async def run(self) -> None:
        """Delivers for ever."""
        while True:
            self._woken.clear()
            while await self.deliver_due():
                pass
            with suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), self._poll_s)

    async def deliver_due(self) -> int:
        """Tries each notice that is due, once; how many there were."""
        due = await self._notices.claim_notices(_BATCH)
        for notice in due:
            await self._deliver(notice)
        return len(due)

    async def _deliver(self, notice: Notice) -> None:
        try:
            await self._neighbours.deliver(notice)
        except MeshError as refused:
            log.warning("notice.delayed", target=notice.target, attempts=notice.attempts, reason=refused.reason)
        else:
            await self._notices.settle_notice(notice.notice_id)
