"""Makes what was written findable, behind the writers' backs: they only mark their thread as due."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence

import orjson

from services.threads.domain import Searched, SearchText, Unsearched
from services.threads.message_json import text_of
from services.threads.ports import SearchStore
from services.threads.search_words import words

_THREADS = 20
_MESSAGES = 20
_SHORT = 16 * 1024
"""Characters that are folded at once. Long texts take tenths of a second, and do so in a thread."""


class IndexThreads:
    """Takes threads that are due, some messages of each at a time. Claiming makes one nobody else's for a while, so
    that several processes share the work, and what is cut comes again later. Doing it twice changes nothing."""

    def __init__(self, store: SearchStore, poll_s: float) -> None:
        self._store = store
        self._poll_s = poll_s

    async def run(self) -> None:
        """Indexes for ever. Where little is due it waits, so that the next look finds more of it at once."""
        while True:
            while await self.index_due():
                pass
            await asyncio.sleep(self._poll_s)

    async def index_due(self) -> bool:
        """Goes on with threads that are due; whether there is more at hand."""
        claimed = await self._store.claim(_THREADS)
        if not claimed:
            return False
        is_done = True
        for some in _packed(await self._store.unsearched(claimed, _MESSAGES)):
            is_short = sum(thread.size for thread in some) < _SHORT
            searched = _searched(some) if is_short else await asyncio.to_thread(_searched, some)
            await self._store.write(searched)
            is_done = is_done and all(thread.done for thread in searched)
        return len(claimed) == _THREADS or not is_done


def _packed(found: Iterable[Unsearched]) -> Iterator[list[Unsearched]]:
    """Short ones together."""
    some: list[Unsearched] = []
    for thread in found:
        if some and sum(each.size for each in some) + thread.size >= _SHORT:
            yield some
            some = []
        some.append(thread)
    if some:
        yield some


def _searched(found: Sequence[Unsearched]) -> list[Searched]:
    return [
        Searched(
            thread.due,
            _texts(thread.name, thread.contents),
            searched=thread.contents[-1][0] if thread.contents else thread.due.searched,
            done=len(thread.contents) < _MESSAGES,
        )
        for thread in found
    ]


def _texts(name: str, contents: Sequence[tuple[int, str]]) -> list[SearchText]:
    said = ((position, text_of(orjson.loads(json))) for position, json in contents)
    return [SearchText(position, " ".join(words(text))) for position, text in ((0, name), *said)]
