"""How a project's sandbox is, without making or waking it."""

from __future__ import annotations

from dataclasses import dataclass

from services.sandbox.domain import Access, Isolation, Limits, Sandbox, SandboxStatus
from services.sandbox.errors import ProjectNotFound
from services.sandbox.ports import ProjectAccess, SandboxProvider, SandboxStore


@dataclass(frozen=True)
class View:
    """A sandbox as somebody may see it. `sandbox` None: none was made yet. `error` is for its owner alone."""

    status: SandboxStatus
    sandbox: Sandbox | None
    isolation: Isolation
    limits: Limits
    error: str


class GetSandbox:
    """Looks. PROJECT_NOT_FOUND for those who may not."""

    def __init__(self, store: SandboxStore, provider: SandboxProvider, access: ProjectAccess) -> None:
        self._store, self._provider, self._access = store, provider, access

    async def __call__(self, project_id: str, account_id: str) -> View:
        access = await self._access.of(project_id, account_id)
        if access is Access.NONE:
            raise ProjectNotFound.of(project_id)
        sandbox = await self._store.of_project(project_id)
        isolation = self._provider.isolation
        error = isolation.missing if access is Access.OWNER else ""
        return View(_status(sandbox, isolation), sandbox, isolation, self._provider.limits, error)


def _status(sandbox: Sandbox | None, isolation: Isolation) -> SandboxStatus:
    if not isolation.usable:
        return SandboxStatus.FAILED
    return sandbox.status if sandbox is not None else SandboxStatus.UNKNOWN
