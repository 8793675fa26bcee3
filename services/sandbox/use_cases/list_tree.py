"""A directory as it was at a commit."""

from __future__ import annotations

from services.sandbox.domain import Door, Listing
from services.sandbox.paths import path_parts
from services.sandbox.ports import FileHistory, SandboxProvider
from services.sandbox.use_cases.open_sandbox import OpenSandbox


class ListTree:
    """Lists for whoever may look; without a commit, what is there now."""

    def __init__(self, opened: OpenSandbox, history: FileHistory, provider: SandboxProvider) -> None:
        self._opened, self._history, self._provider = opened, history, provider

    async def __call__(self, door: Door, path: str, commit: str) -> Listing:
        parts = path_parts(path)
        sandbox = await self._opened.to_read(door)
        if not commit:
            return await self._provider.list_directory(sandbox.sandbox_id, parts)
        return await self._history.list_directory(sandbox.sandbox_id, parts, commit)
