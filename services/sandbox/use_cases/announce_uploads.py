"""Files that are on their way: announced by who uploads them, seen by who works with them.

A batch that is never completed (a closed page, a lost line) is over after some time.
"""

from __future__ import annotations

from datetime import timedelta

from services.kit.clock import Clock
from services.sandbox.domain import ProjectVisit
from services.sandbox.ports import UploadStore
from services.sandbox.use_cases.open_sandbox import OpenSandbox


class AnnounceUploads:
    """Batches of a project's uploads, for its owner. `patience` is the time a batch is given."""

    def __init__(self, opened: OpenSandbox, uploads: UploadStore, clock: Clock, patience: timedelta) -> None:
        self._opened, self._uploads, self._clock, self._patience = opened, uploads, clock, patience

    async def begin(self, visit: ProjectVisit, file_count: int) -> int:
        """Adds a batch; how many files are pending now."""
        await self._opened.require_owner(visit)
        now = self._clock.now()
        return await self._uploads.announce(visit.project_id, file_count, now, now + self._patience)

    async def complete(self, visit: ProjectVisit) -> None:
        """Ends the oldest batch: whichever was meant, as many are left."""
        await self._opened.require_owner(visit)
        await self._uploads.complete(visit.project_id, self._clock.now())

    async def pending(self, project_id: str) -> int:
        """How many files are announced and not over."""
        return await self._uploads.pending(project_id, self._clock.now())
