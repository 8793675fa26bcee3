"""Makes sure that an account has its default agent: the one that runs use which name none."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from services.agent.ports import AgentStore


class DefaultAgent:
    """The use case."""

    def __init__(self, store: AgentStore, new_id: Callable[[], UUID]) -> None:
        self._store = store
        self._new_id = new_id

    async def __call__(self, account_id: UUID) -> None:
        """Once, at any concurrency; nothing where there is one."""
        await self._store.ensure_default(account_id, self._new_id(), self._new_id())
