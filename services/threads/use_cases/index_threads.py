"""Makes what was written findable, behind the writers' backs: they only mark their thread as due."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import orjson

from services.threads.domain import SearchDue, SearchText
from services.threads.message_json import text_of
from services.threads.ports import SearchStore
from services.threads.search_words import words

_THREADS = 20
_MESSAGES = 20
_SHORT = 16 * 1024


class IndexThreads:
    """Takes threads that are due, some messages at a time. Claiming makes one nobody else's for a while, so that
    several processes share the work, and what is cut comes again later. Doing it twice changes nothing."""

    def __init__(self, store: SearchStore, poll_s: float) -> None:
        self._store = store
        self._poll_s = poll_s

    async def run(self) -> None:
        """Indexes for ever."""
        while True:
            while await self.index_due():
                pass
            await asyncio.sleep(self._poll_s)

    async def index_due(self) -> int:
        """Goes on with each thread that is due; how many there were."""
        claimed = await self._store.claim(_THREADS)
        for due in claimed:
            await self._index(due)
        return len(claimed)

    async def _index(self, due: SearchDue) -> None:
        contents, name = await self._store.unsearched(due, _MESSAGES)
        is_short = sum(len(json) for _, json in contents) < _SHORT  # long ones take tenths of a second
        texts = _texts(name, contents) if is_short else await asyncio.to_thread(_texts, name, contents)
        searched = contents[-1][0] if contents else due.searched
        await self._store.write(due, texts, searched, done=len(contents) < _MESSAGES)


def _texts(name: str, contents: Sequence[tuple[int, str]]) -> list[SearchText]:
    said = ((position, text_of(orjson.loads(json))) for position, json in contents)
    return [SearchText(position, " ".join(words(text))) for position, text in ((0, name), *said)]
