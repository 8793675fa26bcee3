"""What operators see of the pipeline: its processes, runs that do not get on, what was given up."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID


@dataclass(frozen=True, slots=True)
class BreakerState:
    """A circuit breaker of one process; `opened_at` in ISO 8601."""

    name: str
    state: str
    total_calls: int = 0
    successful_calls: int = 0
    failed_calls: int = 0
    rejected_calls: int = 0
    consecutive_failures: int = 0
    consecutive_successes: int = 0
    opened_at: str | None = None
    retry_after: float = 0.0


@dataclass(frozen=True, slots=True)
class WorkState:
    """What a process that executes runs feels. `allowance`: runs that it would claim now."""

    in_flight: int
    level: str
    allowance: int
    claim_rate: float
    claim_burst: int
    claim_tokens: int
    claimed: int
    waited: int


@dataclass(frozen=True, slots=True)
class WindowState:
    """The window of each account's starts, as a process that admits them met it since it began.

    `current_count`: starts of all accounts that it let in within the last window. `unchecked`: those let in by
    its own windows alone, while Redis was away, which holds those of all processes.
    """

    max_requests: int
    window_seconds: int
    current_count: int
    total_acquired: int
    total_rejected: int
    unchecked: int


@dataclass(frozen=True, slots=True)
class ProcessState:
    """One process of this service. `at` is set where it was reported."""

    source: str
    at: datetime | None
    memory_share: float
    loop_lag_s: float
    buffered_rows: int
    """Reports that are not committed yet; known to the process alone."""
    flush_mean_ms: float
    flush_p99_ms: float
    """What it takes to commit reports."""
    rejected: int
    """Starts that were refused because the queue is full."""
    unwritten: int = 0
    """Runs that hold a paid-for answer until Postgres is back."""
    breakers: tuple[BreakerState, ...] = ()
    work: WorkState | None = None
    """None: it admits and serves alone."""
    starts: WindowState | None = None
    """None: accounts may start any number of runs."""
    pending_rows: int = 0
    """Of the outbox, all processes' together, when it was reported: the store adds it."""


@dataclass(frozen=True, slots=True)
class RunDetail:
    """A run as its lease shows it; ages and durations in seconds, by the database's clock."""

    run_id: UUID
    thread_id: UUID
    owner: str | None
    status: str
    heartbeat: datetime | None
    heartbeat_age: float | None
    start: datetime | None
    duration: float | None
    reason: str = ""
    """Why it is thought to be stuck."""


STUCK_MINUTES: Final = 5
"""Age from which a run that does not get on is taken for stuck, unless somebody says otherwise."""


@dataclass(frozen=True, slots=True)
class StaleRuns:
    """Runs that have not ended: a minute past their deadline, and others that have been active for over an hour."""

    past_deadline: int = 0
    long_active: int = 0
    oldest: tuple[UUID, ...] = ()
    """The first few of both."""


@dataclass(frozen=True, slots=True)
class ActiveThread:
    """A thread with a run that has not ended."""

    thread_id: UUID
    run_id: UUID
    status: str


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """What was refused for good, or a run that killed its workers."""

    letter_id: int
    run_id: UUID
    kind: str
    error: str
    attempts: int
    payload: bytes
    created_at: datetime
    failed_at: datetime


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep found, and handed to workers."""

    orphaned: int
    recovered: int
    stuck: int


@dataclass(frozen=True, slots=True)
class PipelineFigures:
    """The database's figures; counts of the last 24 hours where they are of things that happened."""

    active: int
    queued: int
    owned: int
    orphaned: int
    oldest_waiting_s: float
    """Of runs that nobody executes although somebody could."""
    pending_rows: int
    oldest_pending_s: float
    started: int
    completed: int
    failed: int
    recovered: int
    dead_letters: int
    dead_runs: int


@dataclass(frozen=True, slots=True)
class Minute:
    """All processes in one minute."""

    at: datetime
    processes: tuple[ProcessState, ...] = field(default=())


_RANK = {"normal": 0, "elevated": 1, "critical": 2}
_WORSE = {"closed": 0, "half_open": 1, "open": 2}


def level_of(processes: tuple[ProcessState, ...]) -> str:
    """The best level of any worker: any of them may claim. Without a worker nothing is."""
    levels = [process.work.level for process in processes if process.work]
    return min(levels, key=_RANK.__getitem__) if levels else "critical"


def merged_breakers(processes: tuple[ProcessState, ...]) -> list[BreakerState]:
    """One for each dependency: the worst state, and the sums of the counts."""
    merged: dict[str, BreakerState] = {}
    for process in processes:
        for breaker in process.breakers:
            known = merged.get(breaker.name)
            merged[breaker.name] = _merge(known, breaker) if known else breaker
    return [merged[name] for name in sorted(merged)]


def _merge(one: BreakerState, other: BreakerState) -> BreakerState:
    worst = max(one, other, key=lambda breaker: (_WORSE[breaker.state], breaker.retry_after))
    return BreakerState(
        one.name,
        worst.state,
        one.total_calls + other.total_calls,
        one.successful_calls + other.successful_calls,
        one.failed_calls + other.failed_calls,
        one.rejected_calls + other.rejected_calls,
        max(one.consecutive_failures, other.consecutive_failures),
        min(one.consecutive_successes, other.consecutive_successes),
        worst.opened_at,
        worst.retry_after,
    )
