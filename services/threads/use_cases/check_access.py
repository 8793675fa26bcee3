"""What somebody may do with a thread or project, for services that guard what belongs to it."""

from __future__ import annotations

from services.threads.domain import Access, Standing
from services.threads.ports import ThreadStore


class CheckAccess:
    """An unknown id is no error: the answer is then that nothing may be done, and whose it is stays unsaid."""

    def __init__(self, threads: ThreadStore) -> None:
        self._threads = threads

    async def to_thread(self, viewer: str, thread_id: str) -> tuple[Access, Standing | None]:
        return _answer(await self._threads.standing_of_thread(thread_id), viewer)

    async def to_project(self, viewer: str, project_id: str) -> tuple[Access, Standing | None]:
        return _answer(await self._threads.standing_of_project(project_id), viewer)


def _answer(standing: Standing | None, viewer: str) -> tuple[Access, Standing | None]:
    access = standing.access(viewer) if standing else Access.NONE
    return access, None if access is Access.NONE else standing
