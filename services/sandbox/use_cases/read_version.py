"""A file's bytes as they were at a commit."""

from __future__ import annotations

from services.sandbox.domain import Door
from services.sandbox.paths import path_parts
from services.sandbox.ports import FileHistory
from services.sandbox.use_cases.open_sandbox import OpenSandbox


class ReadVersion:
    """Reads for whoever may look."""

    def __init__(self, opened: OpenSandbox, history: FileHistory) -> None:
        self._opened, self._history = opened, history

    async def __call__(self, door: Door, path: str, commit: str) -> bytes:
        """All of them: the history holds no large files."""
        parts = path_parts(path)
        sandbox = await self._opened.to_read(door)
        return await self._history.read(sandbox.sandbox_id, parts, commit)
