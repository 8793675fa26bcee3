"""The start of a run: its thread and project exist and belong to the account."""

from __future__ import annotations

from services.kit.ids import IdSource
from services.threads.domain import DEFAULT_NAME, Ensured
from services.threads.errors import ThreadNotFound
from services.threads.ports import PlanLimits, ThreadStore


class EnsureThread:
    """Makes a thread with ids that the client chose, within the plan, in one statement."""

    def __init__(self, threads: ThreadStore, plans: PlanLimits, ids: IdSource) -> None:
        self._threads = threads
        self._plans = plans
        self._ids = ids

    async def __call__(self, account_id: str, thread_id: str, project_id: str, name: str) -> Ensured:
        limits = await self._plans.limits_of(account_id)
        return await self._threads.ensure(
            thread_id, project_id or self._ids(), account_id, name or DEFAULT_NAME, limits
        )

    async def existing(self, account_id: str, thread_id: str) -> Ensured:
        """The account's thread, never a new one."""
        standing = await self._threads.standing_of_thread(thread_id)
        if standing is None or standing.account_id != account_id:
            raise ThreadNotFound(thread_id)
        return Ensured(thread_id, standing.project_id, created=False)
