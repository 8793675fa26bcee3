"""Folding long texts takes long: it is done where it holds up nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from datetime import UTC, datetime

import orjson

from services.threads.domain import Project, SearchDue, Searched, SearchHit, SearchText, Thread, Unsearched
from services.threads.use_cases.index_threads import IndexThreads
from services.threads.use_cases.search_threads import SearchThreads

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LONG = orjson.dumps({"role": "user", "content": "Größe " * 10_000}).decode()
THREAD = Thread("t", "a", "{}", 1, NOW, NOW, Project("p", "a", "Name", "", False, None, NOW, NOW))


class Store:
    """One thread with one long message."""

    def __init__(self) -> None:
        self.written: list[SearchText] = []

    async def claim(self, size: int) -> Sequence[SearchDue]:
        return [SearchDue("t", 0, NOW)]

    async def unsearched(self, claimed: Sequence[SearchDue], size: int) -> Sequence[Unsearched]:
        return [Unsearched(due, "Name", [(1, LONG)]) for due in claimed]

    async def write(self, threads: Sequence[Searched]) -> None:
        self.written += [text for thread in threads for text in thread.texts]

    async def find(self, account_id: str, wanted: str, limit: int) -> tuple[Sequence[SearchHit], int]:
        return [SearchHit(THREAD, "m", LONG, 1.0)], 1


async def turns_of_others(work: Awaitable[object]) -> int:
    """How often others had the event loop until the work was done."""
    working, turns = asyncio.ensure_future(work), 0
    while not working.done():
        turns += 1
        await asyncio.sleep(0)
    await working
    return turns


async def test_others_have_the_loop_while_a_thread_is_indexed() -> None:
    store = Store()
    assert await turns_of_others(IndexThreads(store, 1.0).index_due()) > 1
    assert [text.position for text in store.written] == [0, 1]
    assert store.written[1].text.startswith("grosse grosse")


async def test_others_have_the_loop_while_snippets_are_made() -> None:
    assert await turns_of_others(SearchThreads(Store())("a", "größe", 10)) > 1
