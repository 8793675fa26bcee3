"""Deletes an agent. Its versions stay: runs that ran with them, and those that still do, go on."""

from __future__ import annotations

from uuid import UUID

from services.agent.errors import AgentNotFound, IsDefaultAgent
from services.agent.ports import AgentStore


class DeleteAgent:
    """The use case."""

    def __init__(self, store: AgentStore) -> None:
        self._store = store

    async def __call__(self, account_id: UUID, agent_id: UUID) -> None:
        """Raises AgentNotFound, IsDefaultAgent."""
        if await self._store.delete(account_id, agent_id):
            return
        if await self._store.get(account_id, agent_id) is None:
            raise AgentNotFound(agent_id)
        raise IsDefaultAgent(agent_id)
