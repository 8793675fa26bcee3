"""A thread or a project goes, with what belongs to it; other services are told, now or later."""

from __future__ import annotations

from services.threads.domain import Deleted
from services.threads.errors import ProjectNotFound, ThreadNotFound
from services.threads.ports import ProjectStore, ThreadStore
from services.threads.use_cases.access import require_owner
from services.threads.use_cases.deliver_notices import DeliverNotices


class DeleteThread:
    """Leaves a tombstone; the last thread takes its project along. Deleting twice is a 404 the second time."""

    def __init__(self, threads: ThreadStore, notices: DeliverNotices) -> None:
        self._threads = threads
        self._notices = notices

    async def __call__(self, account_id: str, thread_id: str) -> Deleted:
        deleted = await self._threads.delete_thread(thread_id, account_id)
        if deleted is None:
            standing = await self._threads.standing_of_thread(thread_id)
            require_owner(standing, account_id, ThreadNotFound(thread_id))
            raise ThreadNotFound(thread_id)
        self._notices.wake()
        return deleted


class DeleteProject:
    """Takes all threads and the sandbox along."""

    def __init__(self, projects: ProjectStore, threads: ThreadStore, notices: DeliverNotices) -> None:
        self._projects = projects
        self._threads = threads
        self._notices = notices

    async def __call__(self, account_id: str, project_id: str) -> Deleted:
        deleted = await self._projects.delete_project(project_id, account_id)
        if deleted is None:
            standing = await self._threads.standing_of_project(project_id)
            require_owner(standing, account_id, ProjectNotFound(project_id))
            raise ProjectNotFound(project_id)
        self._notices.wake()
        return deleted
