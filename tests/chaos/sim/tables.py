"""Postgres in memory: each statement of the agent's storage, indivisible, by the database's clock.

The suite in tests/contract/agent holds this to what the real statements do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from math import inf
from typing import Literal
from uuid import UUID

from services.agent.domain.journal import CallRecord, Journal, OwedRow, StepRecord
from services.agent.domain.run import ACTIVE, ATTEMPT_LIMIT, Claim, Ending, Run, RunSpec, StopReason
from services.agent.errors import Fenced, StopRequested
from services.agent.ports import Due, Fence, NewRun, Owed, Stamped, Writes
from services.agent.stream.ids import START, EventId
from services.agent.stream.ports import RunHead, StoredEvent
from services.kit.postgres import UniqueViolation

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
RELAY_AFTER_S = 3.0
NEVER_AHEAD_S = 600.0
"""Nothing is leased or put off for so long: what is was timed by a clock that was put back since."""


@dataclass
class Row:
    """A row of runs."""

    run: Run
    spec: RunSpec
    deadline: float
    owner: str | None = None
    attempt: int = 0
    lease_until: float = 0.0
    last_seq: int = 0
    stop_reason: StopReason | None = None
    torn: EventId = START


@dataclass
class OutboxRow:
    """A row of outbox."""

    run_id: UUID
    account_id: UUID
    owed: OwedRow
    due_at: float
    attempts: int = 0
    delivered: bool = False


@dataclass(frozen=True)
class Commit:
    """One statement that changed a run. `epoch` is the writer's."""

    at: float
    what: str
    run_id: UUID
    epoch: int
    owner: str | None
    status: str
    stopping: bool
    key: str = ""
    cut_s: float = 0.0
    """Of a claim: what was left of the lease before it; 0: it was over, or given back."""


@dataclass
class Tables:
    """The agent's schema. `now` is time that nobody moves, in seconds; the database's clock is so far ahead of it."""

    now: Callable[[], float]
    ahead_s: float = 0.0
    started: float = -inf
    """When the server started, by its clock then."""
    is_away: bool = False
    """Whether nobody reaches it."""
    runs: dict[UUID, Row] = field(default_factory=dict)
    steps: dict[tuple[UUID, int], StepRecord] = field(default_factory=dict)
    calls: dict[tuple[UUID, int, int], CallRecord] = field(default_factory=dict)
    events: dict[UUID, list[StoredEvent]] = field(default_factory=dict)
    outbox: list[OutboxRow] = field(default_factory=list)
    letters: list[UUID] = field(default_factory=list)
    """Dead letters of runs."""
    promised: dict[UUID, float] = field(default_factory=dict)
    """Until when the owner of a run may count on it. For the checks: no statement reads it."""
    commits: list[Commit] = field(default_factory=list)

    def clock(self) -> float:
        """The database's."""
        return self.now() + self.ahead_s

    def move_clock(self, ahead_s: float) -> None:
        """Somebody sets it. No lease that was given until then promises anything any more."""
        self.ahead_s = ahead_s
        self.promised.clear()

    # -- RunStore

    def admit(self, new: NewRun) -> None:
        """A queued run with its ack and what it owes."""
        run = Run(
            new.run_id, new.account_id, new.thread_id, new.project_id, new.agent.agent_id, new.agent.agent_version_id,
            new.turn, new.spec.model, "queued", 0, EPOCH, EPOCH,
        )  # fmt: skip
        row = self.runs[new.run_id] = Row(run, new.spec, self.clock() + new.seconds, last_seq=2)
        self.events[new.run_id] = [StoredEvent(0, 1, new.ack)]
        self._owe(row, 2, Owed("messages", new.message), self.clock() + RELAY_AFTER_S)
        self._note("admit", row, 0)

    def get(self, run_id: UUID) -> Run | None:
        row = self.runs.get(run_id)
        return row.run if row else None

    def request_stop(self, run_id: UUID, reason: StopReason, ended: Stamped, owed: Owed) -> Run | None:
        row = self.runs[run_id]
        if row.run.status == "queued" and row.run.epoch == 0:
            row.stop_reason = reason
            row.run = replace(row.run, status="stopped", epoch=1)
            self._insert(row, Writes([ended], [owed]), self.clock())
            self._note("stop", row, 1)
        elif row.run.status in ("running", "waiting"):
            row.stop_reason = row.stop_reason or reason
            self._note("stop", row, row.run.epoch)
        return row.run

    # -- OwnershipStore

    def claim(self, owner: str, ttl_s: float, limit: int, steal: bool) -> list[Claim]:
        may_steal = steal and not self._just_started(ttl_s)
        orphans = [row for row in self.runs.values() if self._is_orphan(row, may_steal)]
        heads = [row for row in self.runs.values() if self._is_head(row)]
        claims = []
        for row in (orphans + heads)[:limit]:
            row.run = replace(row.run, status="running", epoch=row.run.epoch + 1)
            row.owner, row.attempt, row.lease_until = owner, row.attempt + 1, self.clock() + ttl_s
            self._note("claim", row, row.run.epoch, cut_s=self._promise(row, ttl_s))
            left = row.deadline - self.clock()
            claims.append(Claim(row.run, row.spec, row.stop_reason, row.attempt, left))
        return claims

    def _just_started(self, ttl_s: float) -> bool:
        return self.started <= self.clock() <= self.started + ttl_s

    def _is_orphan(self, row: Row, steal: bool) -> bool:
        free = row.owner is None or (steal and self._is_over(row))
        return row.run.status == "running" and row.attempt < ATTEMPT_LIMIT and free

    def _is_head(self, row: Row) -> bool:
        others = [other.run for other in self.runs.values() if other.run.thread_id == row.run.thread_id]
        return row.run.status == "queued" and not any(
            other.status in ("running", "waiting") or (other.status == "queued" and other.turn < row.run.turn)
            for other in others
        )

    def release(self, fence: Fence) -> None:
        row = self._fenced(fence)
        if row is not None:
            row.owner, row.lease_until, row.attempt = None, self.clock(), max(row.attempt - 1, 0)
            self.promised.pop(fence.run_id, None)
            self._note("release", row, fence.epoch)

    def poisoned(self, limit: int, ttl_s: float) -> list[Run]:
        return [row.run for row in self.runs.values() if self._is_poisoned(row, ttl_s)][:limit]

    def _is_poisoned(self, row: Row, ttl_s: float) -> bool:
        is_given_up = row.run.status == "running" and row.attempt >= ATTEMPT_LIMIT
        return is_given_up and self._is_over(row) and not self._just_started(ttl_s)

    def last_seq(self, fence: Fence) -> int | None:
        row = self.runs[fence.run_id]
        return row.last_seq if row.run.epoch == fence.epoch and row.run.status in ACTIVE else None

    def end_poisoned(
        self, fence: Fence, last_seq: int, ending: Ending, ended: Stamped, owed: Owed, ttl_s: float
    ) -> bool:
        row = self.runs[fence.run_id]
        if not self._is_poisoned(row, ttl_s) or not self.end(fence, last_seq, ending, ended, owed):
            return False
        self._bury(row)
        return True

    def end(self, fence: Fence, last_seq: int, ending: Ending, ended: Stamped, owed: Owed) -> bool:
        row = self.runs[fence.run_id]
        if self.last_seq(fence) != last_seq:
            return False
        row.run = replace(row.run, status=ending.status, epoch=row.run.epoch + 1)
        row.owner = None
        self._insert(row, Writes([ended], [owed]), self.clock())
        self._note("terminal", row, row.run.epoch)
        return True

    def _bury(self, row: Row) -> None:
        self.letters.append(row.run.run_id)

    # -- Leases

    def beat(self, runs: list[tuple[UUID, int]], ttl_s: float, timeout_s: float) -> dict[UUID, StopReason | None]:
        owned = {}
        for run_id, epoch in runs:
            row = self.runs[run_id]
            if row.run.epoch == epoch and row.run.status == "running":
                row.lease_until = self.clock() + ttl_s
                self._promise(row, ttl_s)
                owned[run_id] = row.stop_reason
        return owned

    # -- JournalStore

    def load(self, run_id: UUID) -> Journal:
        return Journal(
            tuple(step for (run, _), step in sorted(self.steps.items(), key=lambda e: e[0][1]) if run == run_id),
            tuple(call for (run, *_), call in sorted(self.calls.items(), key=lambda e: e[0][1:]) if run == run_id),
            tuple(row.owed for row in self.outbox if row.run_id == run_id and not row.delivered),
        )

    def begin_step(self, fence: Fence, step: StepRecord, input_hash: bytes, writes: Writes) -> int:
        row = self._intent(fence)
        base = self._insert(row, writes)
        known = self.steps.get((fence.run_id, step.step_no))
        if known is None:
            self.steps[fence.run_id, step.step_no] = replace(step, epoch=fence.epoch)
        elif known.state == "started":
            self.steps[fence.run_id, step.step_no] = replace(
                known,
                epoch=fence.epoch,
                llm_response_id=step.llm_response_id,
                price_version=step.price_version,
                held=step.held,
                hold_ordinal=step.hold_ordinal,
                prompt_tokens=step.prompt_tokens,
            )
        self._note("intent", row, fence.epoch, f"{step.step_no}")
        return base

    def begin_calls(self, fence: Fence, calls: Sequence[CallRecord], writes: Writes) -> int:
        row = self._intent(fence)
        base = self._insert(row, writes)
        for call in calls:
            known = self.calls.get((fence.run_id, call.step_no, call.ordinal))
            if known is None or known.state == "planned":
                self.calls[fence.run_id, call.step_no, call.ordinal] = replace(known or call, state="started")
            self._note("intent", row, fence.epoch, f"{call.step_no}:{call.ordinal}")
        return base

    def finish_step(
        self, fence: Fence, step: StepRecord, planned: Sequence[CallRecord], dropped: Sequence[int], writes: Writes
    ) -> int:
        row = self._result(fence)
        base = self._insert(row, writes)
        known = self.steps.get((fence.run_id, step.step_no))
        if known is not None and known.state == "started":
            self.steps[fence.run_id, step.step_no] = replace(
                known,
                state="done",
                epoch=fence.epoch,
                finish_reason=step.finish_reason,
                text=step.text,
                reasoning=step.reasoning,
                cost=step.cost,
            )
        for call in planned:
            self.calls.setdefault((fence.run_id, call.step_no, call.ordinal), replace(call, state="planned"))
        for ordinal in dropped:
            key = fence.run_id, step.step_no, ordinal
            if key in self.calls and self.calls[key].state != "done":
                del self.calls[key]
        self._note("result", row, fence.epoch, f"{step.step_no}")
        return base

    def finish_calls(self, fence: Fence, calls: Sequence[CallRecord], writes: Writes) -> int:
        row = self._result(fence)
        base = self._insert(row, writes)
        for call in calls:
            key = fence.run_id, call.step_no, call.ordinal
            known = self.calls.get(key)
            if known is not None and known.state != "done":
                self.calls[key] = replace(
                    known,
                    state="done",
                    success=call.success,
                    output_json=call.output_json,
                    error=call.error,
                    content=call.content,
                    terminating=call.terminating,
                )
            self._note("result", row, fence.epoch, f"{call.step_no}:{call.ordinal}")
        return base

    def finish_run(self, fence: Fence, ending: Ending, writes: Writes) -> bool:
        row = self._demand(fence)
        self._insert(row, writes)
        row.run, row.owner = replace(row.run, status=ending.status), None
        self._note("terminal", row, fence.epoch)
        return any(
            other.run.thread_id == row.run.thread_id and other.run.status == "queued" for other in self.runs.values()
        )

    def recorded(self, fence: Fence, n: int) -> bool:
        return any((event.epoch, event.n) == (fence.epoch, n) for event in self.events[fence.run_id])

    # -- OutboxStore

    def due(self, limit: int) -> list[Due]:
        late = [row for row in self.outbox if not row.delivered and self._is_due(row)]
        runs = {row.run_id for row in late[:limit]}
        taken = [row for row in self.outbox if row.run_id in runs and not row.delivered]
        for row in taken:
            row.due_at = self.clock() + min(30, 3 * 2 ** min(row.attempts, 5))
            row.attempts += 1
        return [Due(row.run_id, row.account_id, row.owed, row.attempts) for row in taken]

    def mark_delivered(self, rows: Sequence[tuple[UUID, int]]) -> None:
        for row in self.outbox:
            if (row.run_id, row.owed.seq) in rows:
                row.delivered = True

    def refuse(self, run_id: UUID, seq: int, error: str, limit: int) -> Literal["counted", "dead", "gone"]:
        raise AssertionError(f"refused for good: {error}")

    # -- EventStore

    def read(self, run_id: UUID, after: tuple[int, int], limit: int) -> list[StoredEvent]:
        return [event for event in sorted(self.events[run_id]) if (event.epoch, event.n) > after][:limit]

    def head(self, run_id: UUID) -> RunHead:
        row = self.runs[run_id]
        return RunHead(row.run.epoch, row.run.status not in ACTIVE, row.torn)

    def tear(self, run_id: UUID, place: EventId) -> None:
        row = self.runs[run_id]
        row.torn = max(row.torn, place)

    # -- what statements are made of

    def _is_over(self, row: Row) -> bool:
        return self._is_past(row.lease_until)

    def _is_due(self, row: OutboxRow) -> bool:
        return self._is_past(row.due_at)

    def _is_past(self, moment: float) -> bool:
        """Also one so far ahead that the clock was put back since."""
        return moment < self.clock() or moment > self.clock() + NEVER_AHEAD_S

    def _fenced(self, fence: Fence) -> Row | None:
        row = self.runs[fence.run_id]
        return row if row.run.epoch == fence.epoch and row.run.status == "running" else None

    def _demand(self, fence: Fence) -> Row:
        row = self._fenced(fence)
        if row is None:
            raise Fenced
        return row

    def _intent(self, fence: Fence) -> Row:
        row = self._demand(fence)
        if row.stop_reason is not None:
            raise StopRequested(row.stop_reason)
        return row

    def _result(self, fence: Fence) -> Row:
        row = self._demand(fence)
        row.attempt = 0
        return row

    def _insert(self, row: Row, writes: Writes, due_at: float | None = None) -> int:
        """Events and outbox rows of a statement; the seq before its first."""
        run_id, epoch, base = row.run.run_id, row.run.epoch, row.last_seq
        known = {(event.epoch, event.n) for event in self.events[run_id]}
        if any((epoch, event.n) in known for event in writes.events):
            raise UniqueViolation("events_pkey")
        self.events[run_id] += [StoredEvent(epoch, event.n, event.payload) for event in writes.events]
        row.last_seq += len(writes.events) + len(writes.owed)
        for place, owed in enumerate(writes.owed, start=base + len(writes.events) + 1):
            self._owe(row, place, owed, self.clock() + RELAY_AFTER_S if due_at is None else due_at)
        return base

    def _owe(self, row: Row, seq: int, owed: Owed, due_at: float) -> None:
        self.outbox.append(OutboxRow(row.run.run_id, row.run.account_id, OwedRow(seq, owed.kind, owed.payload), due_at))

    def _promise(self, row: Row, ttl_s: float) -> float:
        """A lease begins or is renewed; seconds that were left of the one before."""
        before = self.promised.get(row.run.run_id, 0.0)
        self.promised[row.run.run_id] = self.now() + ttl_s
        return max(before - self.now(), 0.0)

    def _note(self, what: str, row: Row, epoch: int, key: str = "", cut_s: float = 0.0) -> None:
        run, stopping = row.run, row.stop_reason is not None
        self.commits.append(Commit(self.now(), what, run.run_id, epoch, row.owner, run.status, stopping, key, cut_s))
