"""Files come into a workspace: whole ones, and uploads in pieces."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from services.sandbox.domain import Cause, Collision, Door, Sandbox, Stored
from services.sandbox.paths import WORKSPACE, label, path_parts
from services.sandbox.ports import SandboxProvider
from services.sandbox.use_cases.keep_history import KeepHistory, author_of
from services.sandbox.use_cases.open_sandbox import OpenSandbox


class WriteFile:
    """Writes a whole file for whoever may change."""

    def __init__(self, opened: OpenSandbox, provider: SandboxProvider, keeper: KeepHistory) -> None:
        self._opened, self._provider, self._keeper = opened, provider, keeper

    async def __call__(
        self, door: Door, path: str, content: bytes, *, mode: int | None = None, collision: Collision
    ) -> Stored:
        """Where it is now. `mode` None: that of the file that was there, or 644."""
        parts = path_parts(path)
        sandbox = await self._opened.to_change(door)
        staged = await self._provider.stage_file(sandbox.sandbox_id)
        try:
            await staged.write(content)
            stored = await staged.commit(parts, mode=mode, collision=collision)
        finally:
            await staged.discard()
        self._keeper.note(sandbox.sandbox_id, Cause(f"Write {_label(stored)}", author_of(door)))
        return stored


@dataclass(frozen=True)
class Uploaded:
    """Where an upload ended up. `made`: the sandbox was made for it."""

    stored: Stored
    sandbox: Sandbox
    made: bool


class UploadFile:
    """Stores an upload as it arrives."""

    def __init__(self, opened: OpenSandbox, provider: SandboxProvider, keeper: KeepHistory) -> None:
        self._opened, self._provider, self._keeper = opened, provider, keeper

    async def __call__(self, door: Door, path: str, data: AsyncIterator[bytes], *, collision: Collision) -> Uploaded:
        parts = path_parts(path)
        sandbox, made = await self._opened.to_fill(door)
        staged = await self._provider.stage_file(sandbox.sandbox_id)
        try:
            async for piece in data:
                await staged.write(piece)
            stored = await staged.commit(parts, mode=None, collision=collision)
        finally:
            await staged.discard()
        self._keeper.note(sandbox.sandbox_id, Cause(f"Upload {_label(stored)}", author_of(door)))
        return Uploaded(stored, sandbox, made)


def _label(stored: Stored) -> str:
    return label(stored.path.removeprefix(f"{WORKSPACE}/"))
