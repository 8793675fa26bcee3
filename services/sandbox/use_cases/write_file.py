"""Files come into a workspace: whole ones, and uploads in pieces."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from services.sandbox.domain import Collision, Door, Sandbox, Stored
from services.sandbox.paths import path_parts
from services.sandbox.ports import SandboxProvider
from services.sandbox.use_cases.open_sandbox import OpenSandbox

DEFAULT_MODE = 0o644


class WriteFile:
    """Writes a whole file for whoever may change."""

    def __init__(self, opened: OpenSandbox, provider: SandboxProvider) -> None:
        self._opened, self._provider = opened, provider

    async def __call__(
        self, door: Door, path: str, content: bytes, *, mode: int = DEFAULT_MODE, collision: Collision
    ) -> Stored:
        parts = path_parts(path)
        sandbox = await self._opened.to_change(door)
        staged = await self._provider.stage_file(sandbox.sandbox_id)
        try:
            await staged.write(content)
            return await staged.commit(parts, mode=mode, collision=collision)
        finally:
            await staged.discard()


@dataclass(frozen=True)
class Uploaded:
    """Where an upload ended up. `made`: the sandbox was made for it."""

    stored: Stored
    sandbox: Sandbox
    made: bool


class UploadFile:
    """Stores an upload as it arrives."""

    def __init__(self, opened: OpenSandbox, provider: SandboxProvider) -> None:
        self._opened, self._provider = opened, provider

    async def __call__(self, door: Door, path: str, data: AsyncIterator[bytes], *, collision: Collision) -> Uploaded:
        parts = path_parts(path)
        sandbox, made = await self._opened.to_fill(door)
        staged = await self._provider.stage_file(sandbox.sandbox_id)
        try:
            async for piece in data:
                await staged.write(piece)
            stored = await staged.commit(parts, mode=DEFAULT_MODE, collision=collision)
        finally:
            await staged.discard()
        return Uploaded(stored, sandbox, made)
