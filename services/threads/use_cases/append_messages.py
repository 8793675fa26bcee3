"""Rows come into a thread: from runs, in bulk, and from a person, one at a time."""

from __future__ import annotations

from collections.abc import Sequence

from services.kit.ids import IdSource
from services.threads.domain import Draft, Message
from services.threads.errors import ThreadNotFound
from services.threads.message_json import checked, user_content
from services.threads.ports import MessageStore, ThreadStore
from services.threads.use_cases.access import require_owner


class AppendMessages:
    """Idempotent by message id. False: the thread is deleted and the rows were dropped."""

    def __init__(self, messages: MessageStore) -> None:
        self._messages = messages

    async def __call__(self, account_id: str, thread_id: str, drafts: Sequence[Draft]) -> bool:
        return await self._messages.append(thread_id, account_id, checked(drafts))


class AddMessage:
    """What a person says without starting a run. `request_id` becomes the message's id."""

    def __init__(self, threads: ThreadStore, messages: MessageStore, ids: IdSource) -> None:
        self._threads = threads
        self._messages = messages
        self._ids = ids

    async def __call__(self, account_id: str, thread_id: str, text: str, request_id: str) -> Message:
        standing = await self._threads.standing_of_thread(thread_id)
        require_owner(standing, account_id, ThreadNotFound(thread_id))
        draft = Draft(request_id or self._ids(), "user", True, user_content(text), "{}")
        alive = await self._messages.append(thread_id, account_id, [draft])
        message = await self._messages.message(draft.message_id) if alive else None
        if message is None:
            raise ThreadNotFound(thread_id)
        return message
