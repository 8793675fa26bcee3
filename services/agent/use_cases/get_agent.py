"""One agent of an account's."""

from __future__ import annotations

from uuid import UUID

from services.agent.domain.agents import Agent
from services.agent.errors import AgentNotFound
from services.agent.ports import AgentStore


class GetAgent:
    """The use case."""

    def __init__(self, store: AgentStore) -> None:
        self._store = store

    async def __call__(self, account_id: UUID, agent_id: UUID) -> Agent:
        """The agent in its current version. Raises AgentNotFound, also for somebody else's."""
        agent = await self._store.get(account_id, agent_id)
        if agent is None:
            raise AgentNotFound(agent_id)
        return agent
