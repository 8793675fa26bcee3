"""Runs: what was asked, how far it is, who owns it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

Status = Literal["queued", "running", "waiting", "completed", "stopped", "failed"]

StopReason = Literal["user", "deleted", "interrupted", "undeliverable"]
"""Who asked a run to stop: a person, the deletion of its thread, a later message, a neighbour that refused its rows for
good."""
OnConflict = Literal["enqueue", "reject", "interrupt"]
"""What a start does where its thread has a run that has not ended: waits behind it, is refused, or has the active one
(where none is active, the one that is next) stopped and waits."""

ACTIVE: Final = frozenset({"queued", "running", "waiting"})
QUEUE_LIMIT: Final = 10
"""Runs that may wait in one thread."""
ATTEMPT_LIMIT: Final = 5
"""Claims without a result in between after which a run is poison."""
ALL_TOOLS: Final = "tools"
"""The scope of every tool."""
SEQUENCE_STRIDE: Final = 10_000_000
"""`sequence` of a frame is epoch times this plus n: unique and growing over epochs, below 2**53."""


def rest_status(status: str) -> str:
    """REST's word for a status: what has not ended is running."""
    return "running" if status in ACTIVE else status


@dataclass(frozen=True, slots=True)
class Price:
    """A price version as billing gave it; rates in micro-credits per million tokens, margin included."""

    version: str
    input_rate: int
    output_rate: int
    cached_rate: int
    cache_write_rate: int

    def cost(self, prompt: int, completion: int, cached: int = 0, cache_write: int = 0) -> int:
        """An upper bound of a step's charge in micro-credits; billing computes the charge itself."""
        fresh = max(prompt - cached - cache_write, 0)
        total = (
            fresh * self.input_rate
            + completion * self.output_rate
            + cached * self.cached_rate
            + cache_write * self.cache_write_rate
        )
        return -(-total // 1_000_000)


@dataclass(frozen=True, slots=True)
class RunSpec:
    """What a run was admitted with; kept as it was. Versions read each other's: a new field has a default."""

    prompt: str
    prompt_message_id: UUID
    model: str
    max_steps: int
    price: Price
    held: int
    """Micro-credits of the first hold."""
    scopes: tuple[str, ...] = (ALL_TOOLS,)
    """What the run may call, as its service tokens say: all tools, or `tools:<registry name>` each."""
    fresh_thread: bool = False
    """The thread was made for this run: there is nothing earlier to load."""
    mode: str | None = None
    memory_enabled: bool | None = None
    system_prompt: str | None = None
    """The agent's own; None: the default one."""

    def may_call(self, tool: str) -> bool:
        """Whether the scopes cover a tool, by its registry name."""
        return ALL_TOOLS in self.scopes or f"{ALL_TOOLS}:{tool}" in self.scopes


@dataclass(frozen=True, slots=True)
class Run:
    """A row of runs."""

    run_id: UUID
    account_id: UUID
    thread_id: UUID
    project_id: UUID
    agent_id: UUID
    agent_version_id: UUID
    turn: int
    model: str
    status: Status
    epoch: int
    created_at: datetime
    deadline: datetime
    started_at: datetime | None = None
    completed_at: datetime | None = None
    error: str | None = None
    error_code: str | None = None
    steps: int = 0

    @property
    def is_active(self) -> bool:
        return self.status in ACTIVE


@dataclass(frozen=True, slots=True)
class Claim:
    """A run as its new owner gets it."""

    run: Run
    spec: RunSpec
    stop_reason: StopReason | None
    """Why it should end, if it was asked to."""
    attempt: int
    seconds_left: float
    """Until the run's deadline, by the database's clock."""

    @property
    def run_id(self) -> UUID:
        return self.run.run_id

    @property
    def epoch(self) -> int:
        return self.run.epoch

    @property
    def may_have_journal(self) -> bool:
        """Whether an owner came before."""
        return self.epoch > 1


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ends: its terminal row and frame."""

    status: Literal["completed", "stopped", "failed"]
    reason: str
    message: str
    error_code: str | None = None
