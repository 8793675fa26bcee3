"""Lists runs: an account's live ones, a thread's newest."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from services.agent.domain.run import Run
from services.agent.ports import RunStore
from services.agent.use_cases.see_run import SeeRun
from services.kit.errors import NotFound

ACTIVE_LIMIT: Final = 100
PAGE: Final = 100


class ThreadNotFound(NotFound):
    """As threads says it."""

    reason = "THREAD_NOT_FOUND"
    domain = "mesh.threads"


class ListRuns:
    """The use case."""

    def __init__(self, store: RunStore, see: SeeRun) -> None:
        self._store = store
        self._see = see

    async def active(self, account_id: UUID) -> list[Run]:
        """The account's runs that have not ended."""
        return await self._store.list_active(account_id, ACTIVE_LIMIT)

    async def count(self, account_id: UUID) -> int:
        """How many those are."""
        return await self._store.count_active(account_id)

    async def of_thread(
        self, account_id: UUID, thread_id: UUID, limit: int | None, before_turn: int | None
    ) -> tuple[list[Run], int | None]:
        """A page of a thread's runs, and the turn before which the next one begins. Raises ThreadNotFound."""
        if not await self._see.may_read(account_id, thread_id):
            raise ThreadNotFound("Thread not found", params={"thread_id": str(thread_id)})
        limit = limit or PAGE
        runs = await self._store.list_of_thread(thread_id, limit + 1, before_turn)
        return runs[:limit], runs[limit - 1].turn if len(runs) > limit else None

    async def recent(self, thread_id: UUID, limit: int) -> list[Run]:
        """A thread's newest runs, for callers that have checked who asks."""
        return await self._store.list_of_thread(thread_id, limit or 20, None)
