"""A version of the files after what changed them: some time later, in the background, many changes at once.

Nobody waits for it but those who look at the history: for them, what is owed is made first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from services.kit.clock import Clock
from services.kit.errors import MeshError
from services.kit.tasks import Supervisor
from services.sandbox.domain import Author, Cause, Door, Errand
from services.sandbox.ports import FileHistory, Parts

BUSY_SHARE = 10
"""Of the time, one part in so many may go into the versions of one sandbox."""

_EARLIER = Cause("Changes from before the service started", Author.SANDBOX)


class KeepHistory:
    """Knows of which sandboxes a version is owed, and why."""

    def __init__(self, history: FileHistory, tasks: Supervisor, clock: Clock, pause_s: float) -> None:
        self._history, self._tasks, self._clock, self._pause_s = history, tasks, clock, pause_s
        self._owed: dict[str, tuple[Cause, int]] = {}
        self._took_s: dict[str, float] = {}

    def note(self, sandbox_id: str, cause: Cause) -> None:
        """Something may have changed files. Returns at once."""
        first, more = self._owed.get(sandbox_id, (cause, -1))
        self._owed[sandbox_id] = first, more + 1
        if more < 0:
            self._tasks.start_once("history", lambda: self._later(sandbox_id))

    async def settle(self, sandbox_id: str) -> None:
        """Makes the version that is owed; the first time, of whatever an earlier service left."""
        if sandbox_id not in self._took_s:
            self._owed.setdefault(sandbox_id, (_EARLIER, 0))
        await self._record(sandbox_id)

    async def revert(self, sandbox_id: str, commit: str, paths: Sequence[Parts], author: Author) -> Sequence[str]:
        """Goes back, as of `ports.FileHistory`; also what it broke off in the middle gets its version."""
        await self.settle(sandbox_id)
        try:
            return await self._history.revert(sandbox_id, commit, paths, author)
        except MeshError:
            self.note(sandbox_id, Cause(f"Going back to {commit[:7]} failed", author))
            raise

    async def _later(self, sandbox_id: str) -> None:
        await asyncio.sleep(max(self._pause_s, self._took_s.get(sandbox_id, 0.0) * BUSY_SHARE))
        await self._record(sandbox_id)

    async def _record(self, sandbox_id: str) -> None:
        cause, more = self._owed.pop(sandbox_id, (None, 0))
        if cause is None:
            return
        started = self._clock.monotonic()
        await self._history.record(sandbox_id, Cause(f"{cause.what} and {more} more", cause.author) if more else cause)
        self._took_s[sandbox_id] = self._clock.monotonic() - started


def author_of(door: Door) -> Author:
    """Who comes by a door: services act for agents."""
    return Author.AGENT if isinstance(door, Errand) else Author.OWNER
