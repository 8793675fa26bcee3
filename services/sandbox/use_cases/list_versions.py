"""The versions of a file, or of all in a directory."""

from __future__ import annotations

from collections.abc import Sequence

from services.sandbox.domain import Door, Version
from services.sandbox.paths import absolute, path_parts
from services.sandbox.ports import FileHistory
from services.sandbox.use_cases.keep_history import KeepHistory
from services.sandbox.use_cases.open_sandbox import OpenSandbox


class ListVersions:
    """Lists for whoever may look."""

    def __init__(self, opened: OpenSandbox, history: FileHistory, keeper: KeepHistory) -> None:
        self._opened, self._history, self._keeper = opened, history, keeper

    async def __call__(self, door: Door, path: str, limit: int) -> tuple[str, Sequence[Version]]:
        """The path as the sandbox sees it, and its versions, newest first."""
        parts = path_parts(path)
        sandbox = await self._opened.to_read(door)
        await self._keeper.settle(sandbox.sandbox_id)
        return absolute(parts), await self._history.versions(sandbox.sandbox_id, parts, limit)
