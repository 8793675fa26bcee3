"""What a commit changed, and what going back to it would."""

from __future__ import annotations

from services.sandbox.domain import CommitView, Door
from services.sandbox.paths import path_parts
from services.sandbox.ports import FileHistory, Parts
from services.sandbox.use_cases.keep_history import KeepHistory
from services.sandbox.use_cases.open_sandbox import OpenSandbox


class GetCommit:
    """Tells whoever may look."""

    def __init__(self, opened: OpenSandbox, history: FileHistory, keeper: KeepHistory) -> None:
        self._opened, self._history, self._keeper = opened, history, keeper

    async def __call__(self, door: Door, commit: str, path: str) -> tuple[CommitView, Parts]:
        """The commit, and the path that is of interest; the workspace itself for none."""
        parts = path_parts(path)
        sandbox = await self._opened.to_read(door)
        await self._keeper.settle(sandbox.sandbox_id)
        return await self._history.describe(sandbox.sandbox_id, commit), parts
