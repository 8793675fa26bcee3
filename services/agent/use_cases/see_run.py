"""Finds a run for somebody who may see it: its owner, or anybody where the project is public."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from services.agent.domain.run import Run
from services.agent.errors import RunNotFound
from services.agent.ports import RunStore, Threads


class SeeRun:
    """What one may not see is not found."""

    def __init__(self, store: RunStore, threads: Threads) -> None:
        self._store = store
        self._threads = threads

    async def __call__(self, account_id: UUID | None, run_id: UUID) -> tuple[Run, Literal["owner", "read"]]:
        """The run and what may be done with it. Raises RunNotFound."""
        run = await self._store.get(run_id)
        if run is not None:
            if run.account_id == account_id:
                return run, "owner"
            if await self.may_read(account_id, run.thread_id):
                return run, "read"
        raise RunNotFound("Agent run not found", params={"agent_run_id": str(run_id)})

    async def may_read(self, account_id: UUID | None, thread_id: UUID) -> bool:
        """Whether somebody may see a thread's runs; believed for 5 s."""
        return (await self._threads.access(account_id, thread_id)).access != "none"
