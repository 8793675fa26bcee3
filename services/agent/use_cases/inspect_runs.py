"""Shows operators runs: one as its lease shows it, those that do not get on, the threads that are busy."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from services.agent.domain.operations import STUCK_MINUTES, ActiveThread, RunDetail
from services.agent.errors import RunNotFound
from services.agent.operations_ports import OperationsStore

STUCK_LIMIT: Final = 200
THREADS_LIMIT: Final = 1000


class InspectRuns:
    """The use case; `ttl_s` of leases tells when the last heartbeat was."""

    def __init__(self, store: OperationsStore, ttl_s: float) -> None:
        self._store = store
        self._ttl_s = ttl_s

    async def detail(self, run_id: UUID) -> RunDetail:
        """Raises RunNotFound."""
        detail = await self._store.detail(run_id, self._ttl_s)
        if detail is None:
            raise RunNotFound("Agent run not found", params={"agent_run_id": str(run_id)})
        return detail

    async def stuck(self, min_age_minutes: int | None) -> list[RunDetail]:
        """Oldest first, each with a reason."""
        age = STUCK_MINUTES if min_age_minutes is None else min_age_minutes
        return await self._store.stuck(age, self._ttl_s, STUCK_LIMIT)

    async def active_threads(self) -> list[ActiveThread]:
        """Those with a run that has not ended."""
        return await self._store.active_threads(THREADS_LIMIT)
