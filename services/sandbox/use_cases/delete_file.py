"""A file, or a directory with all in it, goes."""

from __future__ import annotations

from services.sandbox.domain import Door
from services.sandbox.paths import absolute, path_parts
from services.sandbox.ports import SandboxProvider
from services.sandbox.use_cases.open_sandbox import OpenSandbox


class DeleteFile:
    """Deletes for whoever may change."""

    def __init__(self, opened: OpenSandbox, provider: SandboxProvider) -> None:
        self._opened, self._provider = opened, provider

    async def __call__(self, door: Door, path: str) -> str:
        """The path as the sandbox saw it."""
        parts = path_parts(path)
        sandbox = await self._opened.to_change(door)
        await self._provider.delete_path(sandbox.sandbox_id, parts)
        return absolute(parts)
