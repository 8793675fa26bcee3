"""The event streams that are open here: counted per viewer, ended with their token, and all of them at a drain."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.gateway.edge.errors import Draining, TooManyStreams


class OpenStreams:
    """`limit` streams at once for one viewer; None for any number."""

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._by_viewer: Counter[str] = Counter()
        self._by_run: Counter[str] = Counter()
        self._scopes: set[asyncio.Timeout] = set()
        self.draining = False

    @property
    def count(self) -> int:
        return len(self._scopes)

    @property
    def runs(self) -> int:
        """Runs that somebody watches here."""
        return len(self._by_run)

    @asynccontextmanager
    async def seat(self, viewer: str, run_id: str, seconds: float | None) -> AsyncIterator[None]:
        """Room for one stream, for at most so long: its end is then quiet. TooManyStreams, Draining."""
        if self.draining:
            raise Draining
        if self._limit is not None and self._by_viewer[viewer] >= self._limit:
            raise TooManyStreams(params={"limit": self._limit}, retry_after_s=5)
        scope = asyncio.timeout(seconds)
        self._add(viewer, run_id, scope)
        try:
            async with scope:
                yield
        except TimeoutError:
            if not scope.expired():
                raise
        finally:
            self._remove(viewer, run_id, scope)

    async def end_all(self) -> None:
        """Cuts every stream, without a terminal: viewers resume elsewhere."""
        self.draining = True
        now = asyncio.get_running_loop().time()
        for scope in self._scopes:
            scope.reschedule(now)

    def _add(self, viewer: str, run_id: str, scope: asyncio.Timeout) -> None:
        self._by_viewer[viewer] += 1
        self._by_run[run_id] += 1
        self._scopes.add(scope)

    def _remove(self, viewer: str, run_id: str, scope: asyncio.Timeout) -> None:
        self._scopes.discard(scope)
        for counter, key in ((self._by_viewer, viewer), (self._by_run, run_id)):
            counter[key] -= 1
            if not counter[key]:
                del counter[key]
