"""A project is gone, and so is its sandbox."""

from __future__ import annotations

from services.kit.clock import Clock
from services.kit.ids import IdSource
from services.sandbox.ports import SandboxProvider, SandboxStore


class DeleteSandbox:
    """Buries, then removes: what comes late finds a tombstone, and a removal cut short is done by the next call."""

    def __init__(self, store: SandboxStore, provider: SandboxProvider, clock: Clock, new_id: IdSource) -> None:
        self._store, self._provider, self._clock, self._new_id = store, provider, clock, new_id

    async def __call__(self, project_id: str) -> None:
        provider = self._provider
        buried = await self._store.bury(project_id, self._new_id(), provider.name, provider.node, self._clock.now())
        await provider.delete(buried)
