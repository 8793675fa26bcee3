"""A new thread, in a project of its own or in one that is there."""

from __future__ import annotations

from services.kit.ids import IdSource
from services.threads.domain import Ensured
from services.threads.errors import ProjectNotFound
from services.threads.ports import ThreadStore
from services.threads.use_cases.access import require_owner
from services.threads.use_cases.ensure_thread import EnsureThread


class CreateThread:
    """`request_id` becomes the thread's id, so that a retry finds what it made."""

    def __init__(self, ensure: EnsureThread, ids: IdSource) -> None:
        self._ensure = ensure
        self._ids = ids

    async def __call__(self, account_id: str, name: str, request_id: str) -> Ensured:
        return await self._ensure(account_id, request_id or self._ids(), "", name)


class CreateProjectThread:
    """One more thread in a project of the account."""

    def __init__(self, threads: ThreadStore, ensure: EnsureThread, ids: IdSource) -> None:
        self._threads = threads
        self._ensure = ensure
        self._ids = ids

    async def __call__(self, account_id: str, project_id: str, request_id: str) -> Ensured:
        require_owner(await self._threads.standing_of_project(project_id), account_id, ProjectNotFound(project_id))
        return await self._ensure(account_id, request_id or self._ids(), project_id, "")
