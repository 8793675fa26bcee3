"""Changes an agent; another setup becomes a new version."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final
from uuid import UUID

from services.agent.codec.agents import require_bounded, require_listable
from services.agent.domain.agents import Agent, AgentChange, AgentVersion
from services.agent.errors import NoDefaultAgent
from services.agent.ports import AgentStore
from services.agent.use_cases.get_agent import GetAgent
from services.kit.errors import Aborted

ATTEMPTS: Final = 10
"""Tries to write over what was read while others change the same agent."""


class UpdateAgent:
    """The use case."""

    def __init__(self, store: AgentStore, get: GetAgent, new_id: Callable[[], UUID]) -> None:
        self._store = store
        self._get = get
        self._new_id = new_id

    async def __call__(self, account_id: UUID, agent_id: UUID, change: AgentChange) -> Agent:
        """The agent after the change; nothing is written where nothing changes.

        Raises AgentNotFound, NoDefaultAgent; InvalidArgument for more, with what it had before, than may be.
        """
        for _ in range(ATTEMPTS):
            before = await self._get(account_id, agent_id)
            if before.is_default and change.is_default is False:
                raise NoDefaultAgent(agent_id)
            after = self._changed(before, change)
            if after == before:
                return before
            written = await self._store.replace(before, after)
            if written is not None:
                return written
        raise Aborted("Others change this agent at the same time", retry_after_s=1)

    def _changed(self, before: Agent, change: AgentChange) -> Agent:
        after = change.profile(before)
        setup = change.setup(before.current.setup)
        if setup.text == before.current.setup.text:
            return after
        require_bounded("custom_mcps", setup.custom_mcps)  # with those of before, which it joined
        version = AgentVersion(
            self._new_id(), before.version_count + 1, require_listable(setup), before.current.created_at
        )
        return replace(after, current=version)
