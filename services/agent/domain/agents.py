"""Agents and their versions: what a run is told, with which model, and which tools it may call."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any, Final, Literal, TypeAlias
from uuid import UUID

DEFAULT_NAME: Final = "Agent"
ALWAYS_ENABLED: Final = frozenset({"expand_msg_tool", "message_tool", "task_list_tool"})
"""Tools that no switch turns off: a run could not ask, plan or finish without them."""

Objects: TypeAlias = tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Setup:
    """What a version holds. JSON values are parsed; None: the deployment's own."""

    system_prompt: str | None = None
    model: str | None = None
    configured_mcps: Objects = ()
    custom_mcps: Objects = ()
    agentpress_tools: Mapping[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The same for equal setups alone: as JSON, where 1, 1.0 and true differ."""
        return json.dumps(asdict(self), sort_keys=True)


def disabled_tools(switches: Mapping[str, Any]) -> frozenset[str]:
    """The names switched off by false or {"enabled": false}, without those that always are on."""
    off = {name for name, switch in switches.items() if switch is False or _is_off(switch)}
    return frozenset(off - ALWAYS_ENABLED)


def _is_off(switch: Any) -> bool:
    return isinstance(switch, Mapping) and switch.get("enabled") is False


@dataclass(frozen=True, slots=True)
class AgentVersion:
    """A setup that runs ran with; never changes. `number` counts an agent's versions from 1."""

    version_id: UUID
    number: int
    setup: Setup
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent in its current version."""

    agent_id: UUID
    account_id: UUID
    name: str
    description: str | None
    is_default: bool
    icon_name: str | None
    icon_color: str | None
    icon_background: str | None
    version_count: int
    revision: int
    """Grows with every change."""
    created_at: datetime
    updated_at: datetime
    current: AgentVersion


@dataclass(frozen=True, slots=True)
class AgentChange:
    """What is asked for; None: unchanged, or the default for a new agent."""

    name: str | None = None
    description: str | None = None
    system_prompt: str | None = None
    model: str | None = None
    configured_mcps: Objects | None = None
    custom_mcps: Objects | None = None
    agentpress_tools: Mapping[str, Any] | None = None
    is_default: bool | None = None
    icon_name: str | None = None
    icon_color: str | None = None
    icon_background: str | None = None
    replace_mcps: bool = False

    def setup(self, before: Setup) -> Setup:
        """The setup after the change. Empty text takes a prompt or a model back to the deployment's own."""
        return Setup(
            system_prompt=(before.system_prompt if self.system_prompt is None else self.system_prompt) or None,
            model=(before.model if self.model is None else self.model) or None,
            configured_mcps=before.configured_mcps if self.configured_mcps is None else self.configured_mcps,
            custom_mcps=self._custom_mcps(before.custom_mcps),
            agentpress_tools=before.agentpress_tools if self.agentpress_tools is None else self.agentpress_tools,
        )

    def _custom_mcps(self, before: Objects) -> Objects:
        given = self.custom_mcps
        if given is None or self.replace_mcps:
            return before if given is None else given
        renewed = {entry.get("name") for entry in given}
        return (*(entry for entry in before if entry.get("name") not in renewed), *given)

    def profile(self, before: Agent) -> Agent:
        """The agent after the change, its setup aside."""
        given = {
            name: getattr(self, name)
            for name in ("name", "description", "is_default", "icon_name", "icon_color", "icon_background")
            if getattr(self, name) is not None
        }
        return replace(before, **given)


@dataclass(frozen=True, slots=True)
class AgentFilter:
    """Which agents are listed, and in which order. None: all."""

    search: str | None = None
    is_default: bool | None = None
    has_mcps: bool | None = None
    has_tools: bool | None = None
    tools: Sequence[str] | None = None
    sort_by: Literal["name", "created_at", "updated_at"] = "created_at"
    descending: bool = True


@dataclass(frozen=True, slots=True, order=True)
class AgentKey:
    """An agent's place in lists, newest first."""

    created_at: datetime
    agent_id: UUID
