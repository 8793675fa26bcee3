"""What the parts of one run's execution share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from services.agent.domain.run import Claim
from services.agent.engine.interrupt import Interrupt
from services.agent.engine.log import RunLog
from services.agent.engine.policy import ToolPolicy
from services.agent.engine.purse import Purse
from services.agent.llm.registry import ResolvedModel
from services.agent.ports import Recall, ToolFunction, Tools


@dataclass(frozen=True, slots=True)
class RunState:
    """One run in the hands of its owner."""

    claim: Claim
    log: RunLog
    purse: Purse
    interrupt: Interrupt
    model: ResolvedModel
    tools: Tools
    recall: Recall
    kept: Mapping[str, bytes]
    """Answers that an earlier owner could not write, by step key."""
    native_tools: bool
    reasoning_effort: str | None
    tool_policy: ToolPolicy
    new_id: Callable[[], UUID]
    now: Callable[[], datetime]
    functions: dict[str, ToolFunction] = field(default_factory=dict)
    """What the model may call; filled before the first step."""

    def now_iso(self) -> str:
        """The time, for people."""
        return self.now().isoformat()
