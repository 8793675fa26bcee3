"""Makes an agent, as far as the plan allows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final
from uuid import UUID, uuid5

from services.agent.codec.agents import require_listable
from services.agent.domain.agents import DEFAULT_NAME, Agent, AgentChange, AgentVersion, Setup
from services.agent.ports import AgentStore, Billing
from services.agent.use_cases.default_agent import DefaultAgent
from services.kit.errors import InvalidArgument

NAMESPACE: Final = UUID("0d4e7f0c-6a39-4f0e-9f57-2c1c86a0b5de")
"""Of agent ids that are derived from a request's id, so that a retry is the same agent."""


class CreateAgent:
    """The use case."""

    def __init__(
        self,
        store: AgentStore,
        billing: Billing,
        default_agent: DefaultAgent,
        new_id: Callable[[], UUID],
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._billing = billing
        self._default_agent = default_agent
        self._new_id = new_id
        self._now = now

    async def __call__(self, account_id: UUID, wanted: AgentChange, request_id: UUID | None = None) -> Agent:
        """The agent. Raises InvalidArgument without a name or for too much of a setup, AgentLimitExceeded."""
        if wanted.name is None:
            raise InvalidArgument.of("name", "is missing")
        agent_id = uuid5(NAMESPACE, f"{account_id}:{request_id}") if request_id else self._new_id()
        most = await self._billing.most_agents(account_id)
        await self._default_agent(account_id)
        return await self._store.create(self._new(account_id, agent_id, wanted), most)

    def _new(self, account_id: UUID, agent_id: UUID, wanted: AgentChange) -> Agent:
        now = self._now()
        version = AgentVersion(self._new_id(), 1, require_listable(wanted.setup(Setup())), now)
        bare = Agent(agent_id, account_id, DEFAULT_NAME, None, False, None, None, None, 1, 0, now, now, version)
        return wanted.profile(bare)
