"""An account's agents: newest first by cursor, or filtered and sorted by the page numbers of the web client."""

from __future__ import annotations

from uuid import UUID

from services.agent.domain.agents import Agent, AgentFilter, AgentKey
from services.agent.ports import AgentStore
from services.agent.use_cases.default_agent import DefaultAgent


class ListAgents:
    """Pages, with the number of all that fit. The default agent is among them."""

    def __init__(self, store: AgentStore, default_agent: DefaultAgent) -> None:
        self._store = store
        self._default_agent = default_agent

    async def after(self, account_id: UUID, before: AgentKey | None, size: int) -> tuple[list[Agent], int]:
        """The page behind a key."""
        await self._default_agent(account_id)
        return await self._store.page(account_id, before, size)

    async def numbered(self, account_id: UUID, wanted: AgentFilter, number: int, size: int) -> tuple[list[Agent], int]:
        """The page of that number, from 1; empty behind the last."""
        await self._default_agent(account_id)
        return await self._store.numbered(account_id, wanted, number, size)
