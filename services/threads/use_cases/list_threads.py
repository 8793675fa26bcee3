"""An account's threads, newest first: by cursor, and by the page numbers of the web client.

Pages by number stand on keys too. Where page n begins is remembered from the answer for page n - 1, so that turning
pages costs the same on every page. Somebody who jumps into the middle, or comes to a process that remembers nothing,
has the beginnings found by one walk over the index, which are then remembered. A remembered beginning is a key, so a
page never repeats rows of the one before it, whatever was added meanwhile; it is forgotten after a minute.
"""

from __future__ import annotations

from services.kit.clock import Clock
from services.threads.domain import Access, ThreadKey, ThreadPage
from services.threads.errors import ProjectNotFound
from services.threads.ports import ThreadStore

_REMEMBERED_S = 60.0
_MOST_REMEMBERED = 10_000

_List = tuple[str, str | None, int]


class ListThreads:
    """Pages of the account's threads, or of those in one of its projects."""

    def __init__(self, threads: ThreadStore, clock: Clock) -> None:
        self._threads = threads
        self._beginnings = _Beginnings(clock)

    async def after(self, account_id: str, project_id: str | None, before: ThreadKey | None, size: int) -> ThreadPage:
        """The page behind a key."""
        await self._require_project(account_id, project_id)
        return await self._threads.page(account_id, project_id, before, size)

    async def numbered(self, account_id: str, project_id: str | None, page: int, size: int) -> ThreadPage:
        """The page of that number, from 1; empty behind the last."""
        await self._require_project(account_id, project_id)
        listed = (account_id, project_id, size)
        before = None if page == 1 else await self._beginning(listed, page)
        if page > 1 and before is None:
            first = await self._threads.page(account_id, project_id, None, 1)
            return ThreadPage((), first.total, None)
        found = await self._threads.page(account_id, project_id, before, size)
        self._beginnings.remember(listed, page + 1, found.next)
        return found

    async def _beginning(self, listed: _List, page: int) -> ThreadKey | None:
        remembered = self._beginnings.of(listed, page)
        if remembered is not None:
            return remembered
        starts = await self._threads.page_starts(*listed, page - 1)
        for number, start in enumerate(starts, start=2):
            self._beginnings.remember(listed, number, start)
        return starts[page - 2] if len(starts) >= page - 1 else None

    async def _require_project(self, account_id: str, project_id: str | None) -> None:
        if project_id is None:
            return
        standing = await self._threads.standing_of_project(project_id)
        if standing is None or standing.access(account_id) is not Access.OWNER:
            raise ProjectNotFound(project_id)


class _Beginnings:
    """Where pages begin: the last key of the page before. Forgets the oldest first."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._keys: dict[tuple[_List, int], tuple[ThreadKey, float]] = {}

    def of(self, listed: _List, page: int) -> ThreadKey | None:
        found = self._keys.get((listed, page))
        return found[0] if found and found[1] > self._clock.monotonic() else None

    def remember(self, listed: _List, page: int, key: ThreadKey | None) -> None:
        self._keys.pop((listed, page), None)
        if key is not None:
            while len(self._keys) >= _MOST_REMEMBERED:
                self._keys.pop(next(iter(self._keys)))
            self._keys[listed, page] = (key, self._clock.monotonic() + _REMEMBERED_S)
