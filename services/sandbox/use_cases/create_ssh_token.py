"""A way into a sandbox by SSH."""

from __future__ import annotations

from services.sandbox.domain import SshAccess, Visit
from services.sandbox.ports import SandboxProvider
from services.sandbox.use_cases.open_sandbox import OpenSandbox

DEFAULT_MINUTES = 60


class CreateSshToken:
    """For the owner, where the provider has one."""

    def __init__(self, opened: OpenSandbox, provider: SandboxProvider) -> None:
        self._opened, self._provider = opened, provider

    async def __call__(self, visit: Visit, minutes: int) -> SshAccess:
        sandbox = await self._opened.to_change(visit)
        return await self._provider.ssh_access(sandbox.sandbox_id, minutes)
