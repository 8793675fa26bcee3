"""The way to a sandbox: who may, whether it is there, and that it runs when it is wanted."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from services.kit.clock import Clock
from services.kit.errors import MeshError
from services.kit.ids import IdSource
from services.sandbox.domain import Access, Door, Errand, ProjectVisit, Sandbox, SandboxStatus, Visit
from services.sandbox.errors import ProjectNotFound, ReadOnlyProject, SandboxNotFound
from services.sandbox.ports import ProjectAccess, SandboxProvider, SandboxStore

_USE_NOTED_EVERY = timedelta(seconds=30)


class OpenSandbox:
    """Finds, makes and wakes sandboxes for whoever may."""

    def __init__(
        self, store: SandboxStore, provider: SandboxProvider, access: ProjectAccess, clock: Clock, new_id: IdSource
    ) -> None:
        self._store, self._provider, self._access = store, provider, access
        self._clock, self._new_id = clock, new_id

    async def to_read(self, door: Door) -> Sandbox:
        """For looking. A visitor's sandbox is not woken by it."""
        match door:
            case Visit():
                return (await self._visited(door))[0]
            case ProjectVisit():
                return await self._shown(door)
            case Errand():
                return (await self.ensure(door))[0]

    async def to_change(self, door: Door) -> Sandbox:
        """For doing something in it. It is LIVE afterwards."""
        return (await self.to_fill(door))[0]

    async def to_fill(self, door: Door) -> tuple[Sandbox, bool]:
        """As `to_change`, and whether it was just made."""
        match door:
            case Visit():
                sandbox, access = await self._visited(door)
                if access is not Access.OWNER:
                    raise ReadOnlyProject.of(sandbox.project_id)
                return await self._woken(sandbox), False
            case ProjectVisit():
                await self.require_owner(door)
                return await self.ensure(Errand(door.account_id, door.project_id))
            case Errand():
                return await self.ensure(door)

    async def require_owner(self, visit: ProjectVisit) -> None:
        """PROJECT_NOT_FOUND for those who may not see the project, READ_ONLY_PROJECT for those who may only look."""
        if await self._seen(visit) is not Access.OWNER:
            raise ReadOnlyProject.of(visit.project_id)

    async def ensure(self, errand: Errand) -> tuple[Sandbox, bool]:
        """The project's sandbox, LIVE, and whether it was just made.

        SANDBOX_NOT_FOUND where it is somebody else's, or the project was deleted.
        """
        sandbox, made = await self._store.of_project(errand.project_id), False
        if sandbox is None:
            made = await self._store.add(self._new(errand), self._provider.node)
            sandbox = await self._store.of_project(errand.project_id)
        if sandbox is None or sandbox.account_id != errand.account_id:
            raise SandboxNotFound.of(project_id=errand.project_id)
        return await self._woken(sandbox), made

    async def _shown(self, visit: ProjectVisit) -> Sandbox:
        access = await self._seen(visit)
        sandbox = await self._store.of_project(visit.project_id)
        if sandbox is not None:
            return sandbox
        if access is not Access.OWNER:
            raise SandboxNotFound.of(project_id=visit.project_id)
        return (await self.ensure(Errand(visit.account_id, visit.project_id)))[0]

    async def _seen(self, visit: ProjectVisit) -> Access:
        access = await self._access.of(visit.project_id, visit.account_id)
        if access is Access.NONE:
            raise ProjectNotFound.of(visit.project_id)
        return access

    async def _visited(self, visit: Visit) -> tuple[Sandbox, Access]:
        sandbox = await self._store.find(visit.sandbox_id)
        if sandbox is None:
            raise SandboxNotFound.of(sandbox_id=visit.sandbox_id)
        access = await self._access.of(sandbox.project_id, visit.account_id)
        if access is Access.NONE:
            raise SandboxNotFound.of(sandbox_id=visit.sandbox_id)
        return sandbox, access

    async def _woken(self, sandbox: Sandbox) -> Sandbox:
        now = self._clock.now()
        if sandbox.status is SandboxStatus.LIVE and now - sandbox.last_used_at < _USE_NOTED_EVERY:
            return sandbox
        try:
            await self._provider.start(sandbox.sandbox_id)
        except MeshError:
            await self._store.set_status(sandbox.sandbox_id, SandboxStatus.FAILED, now)
            raise
        await self._store.set_status(sandbox.sandbox_id, SandboxStatus.LIVE, now)
        return replace(sandbox, status=SandboxStatus.LIVE, last_used_at=now)

    def _new(self, errand: Errand) -> Sandbox:
        now = self._clock.now()
        return Sandbox(
            self._new_id(), errand.project_id, errand.account_id, self._provider.name, SandboxStatus.STARTING, now, now
        )
