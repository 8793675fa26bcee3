"""Finds threads by what was said in them, or by their names."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import orjson

from services.threads.domain import SearchHit
from services.threads.message_json import text_of
from services.threads.ports import SearchStore
from services.threads.search_words import asked, snippet, tsquery


@dataclass(frozen=True, slots=True)
class Found:
    """A hit with what is shown of it."""

    hit: SearchHit
    snippet: str


class SearchThreads:
    """Best first, with the number of all that fit; nothing where no word was asked for."""

    def __init__(self, store: SearchStore) -> None:
        self._store = store

    async def __call__(self, account_id: str, question: str, limit: int) -> tuple[list[Found], int]:
        wanted = asked(question)
        if not wanted:
            return [], 0
        hits, total = await self._store.find(account_id, tsquery(wanted), limit)
        # Long texts take tenths of a second.
        return await asyncio.to_thread(lambda: [Found(hit, snippet(_text(hit), wanted)) for hit in hits]), total


def _text(hit: SearchHit) -> str:
    return hit.thread.project.name if hit.content_json is None else text_of(orjson.loads(hit.content_json))
