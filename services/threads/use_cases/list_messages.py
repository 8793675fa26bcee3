"""The rows of a thread: in pages for programs, in one piece for the web client, and as a model is shown them."""

from __future__ import annotations

from collections.abc import Sequence

from services.threads.domain import SHOWN_TYPES, Message, MessagePage
from services.threads.errors import ThreadNotFound
from services.threads.ports import MessageStore, ThreadStore
from services.threads.use_cases.access import require_reader

_BATCH = 500
_MOST_BYTES = 12 * 1024 * 1024
_MOST_ROWS = 10_000


class ListMessages:
    """For whoever may read the thread."""

    def __init__(self, threads: ThreadStore, messages: MessageStore) -> None:
        self._threads = threads
        self._messages = messages

    async def page(self, viewer: str, thread_id: str, after: int | None, size: int, newest_first: bool) -> MessagePage:
        """A page by position."""
        await self._require_reader(viewer, thread_id)
        return await self._messages.messages(thread_id, after, size, newest_first)

    async def whole(self, viewer: str, thread_id: str, only_shown: bool) -> list[Message]:
        """The newest rows that fit into one answer (12 MiB, 10,000 rows), newest first."""
        await self._require_reader(viewer, thread_id)
        types = SHOWN_TYPES if only_shown else None
        rows: list[Message] = []
        after: int | None = None
        while True:
            page = await self._messages.messages(thread_id, after, _BATCH, True, types)
            rows.extend(page.messages)
            kept = newest_that_fit(rows)
            after = page.next
            if after is None or len(kept) < len(rows):
                return list(kept)

    async def _require_reader(self, viewer: str, thread_id: str) -> None:
        require_reader(await self._threads.standing_of_thread(thread_id), viewer, ThreadNotFound(thread_id))


class LoadContext:
    """What a model is shown: the rows of this turn and of earlier ones, never a later run's."""

    def __init__(self, messages: MessageStore) -> None:
        self._messages = messages

    async def __call__(self, account_id: str, thread_id: str, turn: int, size: int) -> Sequence[Message]:
        rows = await self._messages.context(thread_id, account_id, turn, size or _MOST_ROWS)
        if rows is None:
            raise ThreadNotFound(thread_id)
        return list(reversed(newest_that_fit(list(reversed(rows)))))


def newest_that_fit(rows: Sequence[Message]) -> Sequence[Message]:
    """The first of these rows, newest first, that fit into one answer."""
    room = _MOST_BYTES
    for index, row in enumerate(rows[:_MOST_ROWS]):
        room -= len(row.content_json.encode()) + len(row.metadata_json.encode())
        if room < 0:
            return rows[:index]
    return rows[:_MOST_ROWS]
