"""One reader of Redis per watched run and process; any number of viewers read the same window, each at its own pace.

Viewers pull: nothing is queued for them and nothing is copied. Who falls out of the window reads its pages from Redis
by itself until it is back in.
"""

from __future__ import annotations

import asyncio
import random
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from operator import attrgetter
from uuid import UUID

from services.agent.stream.ids import EventId
from services.agent.stream.ports import Entry, WireDown
from services.agent.stream.tail import Tail
from services.agent.stream.wire import FIRST_PAUSE_S, LONGEST_PAUSE_S, Wire, connected
from services.kit.pauses import Jitter, Pauses
from services.kit.tasks import Supervisor

WINDOW_BYTES = 1024 * 1024
_BLOCK_MS = 5000
_ID = attrgetter("id")


class SharedTail:
    """The newest entries of one run's tail, kept up to date once somebody waits at its end."""

    def __init__(self, tail: Tail, url: str, tasks: Supervisor, jitter: Jitter) -> None:
        self._pauses = Pauses(FIRST_PAUSE_S, LONGEST_PAUSE_S, jitter)
        self._tail = tail
        self._url = url
        self._tasks = tasks
        self._pump: asyncio.Task[None] | None = None
        self._window: list[Entry] = []
        self._bytes = 0
        self._floor = EventId(0, 0)
        self._waiting: set[asyncio.Future[None]] = set()
        self._down = False
        self.viewers = 0

    async def after(self, place: EventId) -> list[Entry]:
        """Entries behind a place; none: this is the end for now. Raises WireDown when it cannot know."""
        if self._pump is None or place < self._floor:
            entries = await self._tail.page(place)
            if entries or self._pump is None:
                return entries
            # Redis was wiped. What the window still has comes behind a hole.
        found = self._window[bisect_right(self._window, place, key=_ID) :]
        if self._down and not found:
            raise WireDown
        return found

    async def last(self) -> EventId | None:
        """The newest entry's id. Raises WireDown."""
        return await self._tail.last()

    async def changed(self, place: EventId, within_s: float) -> bool:
        """Waits at the end, which is `place`, for entries or for Redis to go away; False: nothing in this time."""
        if self._pump is None:
            self._floor = place
            self._pump = self._tasks.start("tail", self._follow)
        elif self._window and self._window[-1].id > place:
            return True
        future = asyncio.get_running_loop().create_future()
        self._waiting.add(future)
        try:
            async with asyncio.timeout(within_s):
                await future
        except TimeoutError:
            return False
        finally:
            self._waiting.discard(future)
        return True

    def close(self) -> None:
        """Nobody watches any more."""
        if self._pump is not None:
            self._pump.cancel()

    async def _follow(self) -> None:
        while True:
            try:
                async with connected(self._url) as connection:
                    self._pauses.reset()
                    self._turn(down=False)
                    while True:
                        newest = self._window[-1].id if self._window else self._floor
                        self._extend(await self._tail.wait(connection, newest, _BLOCK_MS))
            except WireDown:
                self._turn(down=True)
            await asyncio.sleep(self._pauses.next())

    def _extend(self, entries: list[Entry]) -> None:
        if not entries:
            return
        self._window += entries
        self._bytes += sum(len(entry.payload) for entry in entries)
        if self._bytes > WINDOW_BYTES:
            self._shrink()
        self._wake()

    def _shrink(self) -> None:
        """Keeps the newer half, and always the newest entry."""
        cut = 0
        while cut < len(self._window) - 1 and self._bytes > WINDOW_BYTES // 2:
            self._bytes -= len(self._window[cut].payload)
            cut += 1
        self._floor = self._window[cut - 1].id if cut else self._floor
        del self._window[:cut]

    def _turn(self, *, down: bool) -> None:
        if down != self._down:
            self._down = down
            self._wake()

    def _wake(self) -> None:
        for future in self._waiting:
            if not future.done():
                future.set_result(None)


class Hub:
    """The shared tails of a process."""

    def __init__(self, wire: Wire, tasks: Supervisor, jitter: Jitter = random.uniform) -> None:
        self._wire = wire
        self._tasks = tasks
        self._jitter = jitter
        self._tails: dict[UUID, SharedTail] = {}

    @contextmanager
    def joined(self, run_id: UUID) -> Iterator[SharedTail]:
        """A viewer's share in the run's tail."""
        shared = self._tails.get(run_id)
        if shared is None:
            shared = self._tails[run_id] = SharedTail(
                Tail(self._wire, run_id), self._wire.url, self._tasks, self._jitter
            )
        shared.viewers += 1
        try:
            yield shared
        finally:
            shared.viewers -= 1
            if not shared.viewers:
                shared.close()
                del self._tails[run_id]
