"""A directory's entries."""

from __future__ import annotations

from services.sandbox.domain import Door, Listing
from services.sandbox.paths import path_parts
from services.sandbox.ports import SandboxProvider
from services.sandbox.use_cases.open_sandbox import OpenSandbox


class ListFiles:
    """Lists for whoever may look."""

    def __init__(self, opened: OpenSandbox, provider: SandboxProvider) -> None:
        self._opened, self._provider = opened, provider

    async def __call__(self, door: Door, path: str) -> Listing:
        parts = path_parts(path)
        sandbox = await self._opened.to_read(door)
        return await self._provider.list_directory(sandbox.sandbox_id, parts)
