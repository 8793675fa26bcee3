"""A project's sandbox is stopped by its owner; the next use starts it."""

from __future__ import annotations

from services.kit.clock import Clock
from services.sandbox.domain import ProjectVisit, Sandbox, SandboxStatus
from services.sandbox.errors import SandboxNotFound
from services.sandbox.ports import SandboxProvider, SandboxStore
from services.sandbox.use_cases.open_sandbox import OpenSandbox


class StopSandbox:
    """Kills what runs; files stay."""

    def __init__(self, opened: OpenSandbox, store: SandboxStore, provider: SandboxProvider, clock: Clock) -> None:
        self._opened, self._store, self._provider, self._clock = opened, store, provider, clock

    async def __call__(self, visit: ProjectVisit) -> Sandbox:
        """The sandbox; SANDBOX_NOT_FOUND where none was made yet."""
        await self._opened.require_owner(visit)
        sandbox = await self._store.of_project(visit.project_id)
        if sandbox is None:
            raise SandboxNotFound.of(project_id=visit.project_id)
        # First the status: whoever comes meanwhile starts it again, instead of believing that it runs.
        await self._store.set_status(sandbox.sandbox_id, SandboxStatus.OFFLINE, self._clock.now())
        await self._provider.stop(sandbox.sandbox_id)
        return sandbox
