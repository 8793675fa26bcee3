"""A file, or a directory with all in it, goes."""

from __future__ import annotations

from services.sandbox.domain import Cause, Door
from services.sandbox.paths import absolute, label, path_parts
from services.sandbox.ports import SandboxProvider
from services.sandbox.use_cases.keep_history import KeepHistory, author_of
from services.sandbox.use_cases.open_sandbox import OpenSandbox


class DeleteFile:
    """Deletes for whoever may change."""

    def __init__(self, opened: OpenSandbox, provider: SandboxProvider, keeper: KeepHistory) -> None:
        self._opened, self._provider, self._keeper = opened, provider, keeper

    async def __call__(self, door: Door, path: str) -> str:
        """The path as the sandbox saw it."""
        parts = path_parts(path)
        sandbox = await self._opened.to_change(door)
        await self._provider.delete_path(sandbox.sandbox_id, parts)
        self._keeper.note(sandbox.sandbox_id, Cause(f"Delete {label('/'.join(parts))}", author_of(door)))
        return absolute(parts)
