"""Files become again what they were."""

from __future__ import annotations

from collections.abc import Sequence

from services.sandbox.domain import Door
from services.sandbox.paths import path_parts
from services.sandbox.ports import Parts
from services.sandbox.use_cases.keep_history import KeepHistory, author_of
from services.sandbox.use_cases.open_sandbox import OpenSandbox


class RevertFiles:
    """Goes back for whoever may change."""

    def __init__(self, opened: OpenSandbox, keeper: KeepHistory) -> None:
        self._opened, self._keeper = opened, keeper

    async def __call__(self, door: Door, commit: str, paths: Sequence[str]) -> tuple[Sequence[Parts], Sequence[str]]:
        """The paths that were meant, and the files that were written or removed, both below the workspace."""
        meant = [path_parts(path, field="paths") for path in paths]
        sandbox = await self._opened.to_change(door)
        return meant, await self._keeper.revert(sandbox.sandbox_id, commit, meant, author_of(door))
