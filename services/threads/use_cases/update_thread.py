"""A thread's project gets another name or visibility."""

from __future__ import annotations

from services.threads.domain import Thread
from services.threads.errors import ThreadNotFound
from services.threads.ports import ThreadStore
from services.threads.use_cases.access import require_owner


class UpdateThread:
    """What is None stays as it is."""

    def __init__(self, threads: ThreadStore) -> None:
        self._threads = threads

    async def __call__(self, account_id: str, thread_id: str, name: str | None, is_public: bool | None) -> Thread:
        thread = await self._threads.update(thread_id, account_id, name, is_public)
        if thread is None:
            standing = await self._threads.standing_of_thread(thread_id)
            require_owner(standing, account_id, ThreadNotFound(thread_id))
            raise ThreadNotFound(thread_id)
        return thread
