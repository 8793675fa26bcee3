"""One thread or project, for whoever may see it."""

from __future__ import annotations

from services.threads.domain import Access, Project, Standing, Thread
from services.threads.errors import ProjectNotFound, ThreadNotFound
from services.threads.ports import ProjectStore, ThreadStore


class GetThread:
    """A thread with its project."""

    def __init__(self, threads: ThreadStore) -> None:
        self._threads = threads

    async def __call__(self, viewer: str, thread_id: str) -> Thread:
        thread = await self._threads.thread(thread_id)
        if thread is None or not _is_visible(thread.project, viewer):
            raise ThreadNotFound(thread_id)
        return thread


class GetProject:
    """A project."""

    def __init__(self, projects: ProjectStore) -> None:
        self._projects = projects

    async def __call__(self, viewer: str, project_id: str) -> Project:
        project = await self._projects.project(project_id)
        if project is None or not _is_visible(project, viewer):
            raise ProjectNotFound(project_id)
        return project


def _is_visible(project: Project, viewer: str) -> bool:
    standing = Standing(project.account_id, project.project_id, project.is_public)
    return standing.access(viewer) is not Access.NONE
