"""How long and how old the mesh's queue is, known without asking: the refusal of a start is cheap where there are too
many, and a claim takes the queue's age into account at no statement of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from services.agent.errors import QueueFull
from services.agent.ports import Queue, RunStore
from services.kit.errors import Unavailable

EVERY_S: Final = 0.5
UNHURRIED_S: Final = 2.0
"""Where only the queue's age matters."""
_PATIENCE_S, _MOST_PATIENCE_S = 1.0, 30.0


class QueueGauge:
    """Looks at the queue every `every_s`; what is admitted here meanwhile, or on its way, counts too.

    A bound for the whole mesh, approximately: each process of the API may pass it by what the others admit meanwhile,
    and by nothing where it is the only one.
    """

    def __init__(self, store: RunStore, limit: int, every_s: float = EVERY_S) -> None:
        self._store = store
        self._limit = limit
        self._every_s = every_s
        self._last = Queue(0, 0.0)
        self._starting = 0
        self._admitted = 0
        self.refused = 0
        """Since the process began."""

    @contextmanager
    def admitting(self) -> Iterator[None]:
        """One more, or QueueFull; it counts as queued unless it fails within."""
        queued = self._last.length + self._admitted + self._starting
        if queued >= self._limit:
            # A queue as old as its oldest run needs about as long again; sooner tries would be refused as well.
            self.refused += 1
            wait_s = min(max(self._last.oldest_s / 10, _PATIENCE_S), _MOST_PATIENCE_S)
            raise QueueFull(
                "Too many runs are waiting to begin",
                params={"queued": queued, "limit": self._limit},
                retry_after_s=wait_s,
            )
        self._starting += 1
        try:
            yield
            self._admitted += 1
        finally:
            self._starting -= 1

    @property
    def last(self) -> Queue:
        """As it was found at the last look."""
        return self._last

    async def run(self) -> None:
        """Keeps looking."""
        while True:
            before = self._admitted
            with suppress(Unavailable):  # whoever starts a run now is told so by the admission itself
                self._last = await self._store.queue()
            self._admitted -= before
            await asyncio.sleep(self._every_s)
