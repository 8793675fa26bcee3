"""Planted bugs: the weaknesses of lock-and-sweep designs, and the classic ones of this protocol, each put into the
engine or its store for a few interleavings. Each must be found, under the name of the invariant that it breaks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any
from unittest.mock import patch
from uuid import NAMESPACE_OID, UUID, uuid4, uuid5

from services.agent.domain.journal import AskModel, CallRecord, CloseAnswer, Journal, ResumePoint, StepRecord, fold
from services.agent.domain.rows import Charge
from services.agent.domain.run import Claim, Ending, Run, StopReason
from services.agent.engine import bill, execution, tool_manager
from services.agent.engine.coordinator import StatelessCoordinator
from services.agent.engine.heartbeat import Heartbeat
from services.agent.engine.log import RunLog
from services.agent.engine.response_processor import Answer
from services.agent.engine.step import Failed, StepRunner
from services.agent.engine.tool_manager import ToolManager
from services.agent.llm.classify import of_type
from services.agent.llm.errors import ErrorType
from services.agent.llm.port import ModelRequest, Usage
from services.agent.ports import Due, Fence, Owed, Stamped, Writes
from services.agent.stream.history import History
from services.agent.stream.publisher import RunPublisher
from tests.chaos.sim import tables
from tests.chaos.sim.checks import violations
from tests.chaos.sim.tables import OutboxRow, Row, Tables
from tests.chaos.sim.world import DEADLINE_S, play
from tests.fakes.run_stream import MemoryTail

Plant = Callable[[], AbstractContextManager[Any]]


@dataclass(frozen=True)
class Bug:
    """`weakness` is its number in the list of weaknesses that the tests are indexed by; 0: a classic one."""

    name: str
    weakness: int
    breaks: str
    plant: Plant


def _replaced(owner: object, **methods: Any) -> Plant:
    return lambda: patch.multiple(owner, **methods)


# -- ownership and recovery


def _only_first_claims(self: StatelessCoordinator, claim: Claim) -> None:
    if claim.epoch == 1:
        _begin(self, claim)


_begin = StatelessCoordinator._begin


def _sweep_ends_long_runs(self: Tables, owner: str, ttl_s: float, limit: int, steal: bool) -> list[Claim]:
    for row in self.runs.values():
        if row.run.status == "running" and row.deadline - self.clock() < DEADLINE_S - 0.25:
            row.run = replace(row.run, status="completed")
            self._note("terminal", row, row.run.epoch)
    return _claim(self, owner, ttl_s, limit, steal)


def _claim_over_a_live_owner(self: Tables, owner: str, ttl_s: float, limit: int, steal: bool) -> list[Claim]:
    """Once a run."""
    for row in self.runs.values():
        if row.run.status == "running" and row.owner != owner and row.attempt == 1:
            row.lease_until = -1.0
    return _claim(self, owner, ttl_s, limit, steal=True)


def _claim_over_a_live_epoch(self: Tables, owner: str, ttl_s: float, limit: int, steal: bool) -> list[Claim]:
    """Owner and lease are written over, and whoever was there may write on."""
    claims = _claim_over_a_live_owner(self, owner, ttl_s, limit, steal)
    return [claim if claim.epoch == 1 else _under_epoch_1(self, claim) for claim in claims]


def _claim_without_a_new_epoch(self: Tables, owner: str, ttl_s: float, limit: int, steal: bool) -> list[Claim]:
    claims = _claim(self, owner, ttl_s, limit, steal)
    return [claim if claim.epoch == 1 else _under_epoch_1(self, claim) for claim in claims]


def _under_epoch_1(tables: Tables, claim: Claim) -> Claim:
    row = tables.runs[claim.run_id]
    row.run = replace(row.run, epoch=1)
    tables.commits[:] = [
        replace(commit, epoch=1) if (commit.run_id, commit.epoch) == (claim.run_id, claim.epoch) else commit
        for commit in tables.commits
    ]
    return replace(claim, run=row.run)


_claim = Tables.claim


def _over_only_behind(self: Tables, row: Row) -> bool:
    return row.lease_until < self.clock()


def _due_only_behind(self: Tables, row: OutboxRow) -> bool:
    return row.due_at < self.clock()


def _started_until(self: Tables, ttl_s: float) -> bool:
    return self.clock() <= self.started + ttl_s


def _any_head(self: Tables, row: Row) -> bool:
    return row.run.status == "queued"


def _unfenced(self: Tables, fence: Fence) -> Row | None:
    row = self.runs[fence.run_id]
    return row if row.run.status == "running" else None


def _unstoppable(self: Tables, fence: Fence) -> Row:
    return self._demand(fence)


def _forgets_the_stop(self: Tables, run_id: UUID, reason: StopReason, ended: Stamped, owed: Owed) -> Run | None:
    """Answered, and written nowhere."""
    row = self.runs[run_id]
    return _request_stop(self, run_id, reason, ended, owed) if row.run.status == "queued" else row.run


_request_stop = Tables.request_stop


def _no_letter(self: Tables, row: Row) -> None:
    """The run is ended, and nobody is told."""


# -- journal


def _gives_up(journal: Journal, max_steps: int) -> ResumePoint:
    """Whoever finds an earlier owner's journal fails the run."""
    if journal.steps:
        return ResumePoint((), Ending("failed", "error", "Its worker was lost", "INTERNAL_ERROR"))
    return fold(journal, max_steps)


def _calls_it_done(journal: Journal, max_steps: int) -> ResumePoint:
    """Whoever finds an earlier owner's journal takes the run for done."""
    if journal.steps:
        return ResumePoint((), Ending("completed", "stop", "Agent run completed"))
    return fold(journal, max_steps)


def _forgets(_: Journal, max_steps: int) -> Any:
    return fold(Journal(), max_steps)


def _asks_again(journal: Journal, max_steps: int) -> ResumePoint:
    point = fold(journal, max_steps)
    if isinstance(point.move, CloseAnswer):
        return replace(point, move=AskModel(point.move.step.step_no, again=point.move.step))
    return point


def _asks_for_the_stored(journal: Journal, max_steps: int) -> ResumePoint:
    """What stands in the journal is not looked at: its last answer is asked for again, where nothing came of it yet."""
    steps = sorted(journal.steps, key=lambda step: step.step_no)
    if steps and all(call.step_no < steps[-1].step_no for call in journal.calls):
        steps[-1] = replace(steps[-1], state="started")
    return fold(replace(journal, steps=tuple(steps)), max_steps)


async def _doubts(
    self: StepRunner, step: StepRecord, request: ModelRequest, answer: Answer, tools: ToolManager, cut: str | None
) -> StepRecord:
    """A whole answer is taken for one that failed, once."""
    if request.attempt == 1 and cut is None and not tools.begun:
        raise Failed(of_type(ErrorType.API), answer)
    return await _answered(self, step, request, answer, tools, cut)


_answered = StepRunner._answered


def _intent_later(self: Tables, fence: Fence, record: StepRecord, input_hash: bytes, writes: Writes) -> int:
    """INTENT is not written before the model is asked."""
    return self._insert(self._intent(fence), writes)


_key_of = vars(tool_manager)["call_key"]


def _key_of_this_try(run_id: UUID, step_no: int, ordinal: int) -> str:
    return f"{_key_of(run_id, step_no, ordinal)}:{uuid4()}"


# -- what is owed


def _charges_nothing(run_id: UUID, model: str, step: StepRecord, usage: Usage) -> Charge | None:
    """Of a second step."""
    return _charge(run_id, model, step, usage) if step.step_no == 1 else None


def _charges_twice(self: RunLog, charges: Sequence[Charge], *, release: bool) -> Owed:
    """The second time under a key that names no run."""
    again = [replace(charge, key=f"post:{uuid5(NAMESPACE_OID, charge.key)}") for charge in charges]
    return _charges(self, [*charges, *again], release=release)


_charge, _charges = bill.charge, RunLog._charges


def _evicts(self: Tables, limit: int) -> list[Due]:
    """The messages that were not delivered when they were due."""
    self.outbox = [row for row in self.outbox if row.owed.kind == "charges" or row.delivered or not self._is_due(row)]
    return _due(self, limit)


_due = Tables.due


def _cleans_up(self: Tables, fence: Fence, ending: Ending, writes: Writes) -> bool:
    more = _finish_run(self, fence, ending, writes)
    self.outbox = [row for row in self.outbox if row.delivered or row.run_id != fence.run_id]
    return more


_finish_run = Tables.finish_run


def _ends_silently(self: Tables, fence: Fence, ending: Ending, writes: Writes) -> bool:
    return _finish_run(self, fence, ending, replace(writes, events=()) if ending.status == "failed" else writes)


def _calls_all_completed(self: Tables, fence: Fence, ending: Ending, writes: Writes) -> bool:
    return _finish_run(self, fence, replace(ending, status="completed"), writes)


# -- the stream


@contextmanager
def _trimmed_replay() -> Iterator[None]:
    """Reading takes entries away, and nobody looks into Postgres for what is missing."""

    async def after(self: Any, place: Any) -> Any:
        entries = await _after(self, place)
        self.entries = [entry for entry in self.entries if entry not in entries]
        return entries

    async def nothing(self: Any, place: Any, until: Any = None) -> Any:
        async for event in _stored_after(self, place, until):
            if event.HasField("run_ended"):
                yield event

    with patch.object(MemoryTail, "after", after), patch.object(History, "after", nothing):
        yield


_after, _stored_after = MemoryTail.after, History.after


def _other_ids(record: CallRecord, assistant_id: UUID) -> Any:
    return replace(_tool_row(record, assistant_id), message_id=uuid4())


_tool_row = vars(tool_manager)["tool_row"]


@contextmanager
def _shown_before_stored() -> Iterator[None]:
    async def write(self: Any, statement: Any, events: Sequence[Any], *more: Any) -> None:
        for event in events:
            self._publisher.emit(event)
        await _write(self, statement, events, *more)

    with patch.object(RunLog, "_write", write):
        yield


_write = RunLog._write


def _one_epoch(self: RunPublisher, *args: Any, **kwargs: Any) -> None:
    _init(self, *args, **kwargs)
    self._n = 100_000 * (self._epoch % 2)
    self._epoch = 1


_init = RunPublisher.__init__

BUGS = (
    Bug(
        "recovery claims an orphan, and nothing resumes it",
        1,
        "I8",
        _replaced(StatelessCoordinator, _begin=_only_first_claims),
    ),
    Bug(
        "the sweep completes every run that is longer than its threshold",
        2,
        "I8",
        _replaced(Tables, claim=_sweep_ends_long_runs),
    ),
    Bug("rows of an active run are evicted from the buffer", 3, "I7", _replaced(Tables, due=_evicts)),
    Bug("the end of a run deletes what was not delivered yet", 4, "I16", _replaced(Tables, finish_run=_cleans_up)),
    Bug(
        "a claim overwrites a live owner, under the same epoch",
        5,
        "I1",
        _replaced(Tables, claim=_claim_over_a_live_epoch),
    ),
    Bug("a claim takes a run whose owner lives", 0, "I1", _replaced(Tables, claim=_claim_over_a_live_owner)),
    Bug(
        "who begins after an outage steals before others could renew",
        0,
        "outage",
        _replaced(Heartbeat, _is_young=lambda _: True),
    ),
    Bug("a run is taken over under its old epoch", 0, "I1", _replaced(Tables, claim=_claim_without_a_new_epoch)),
    Bug("steps restart at 1 on resume", 6, "I4", _replaced(execution, fold=_forgets)),
    Bug(
        "a lease from before the clock was put back holds for an hour",
        0,
        "I8",
        _replaced(Tables, _is_over=_over_only_behind),
    ),
    Bug(
        "after the clock was put back, nobody takes a run over for an hour",
        0,
        "I8",
        _replaced(Tables, _just_started=_started_until),
    ),
    Bug(
        "what was owed before the clock was put back waits for an hour",
        0,
        "I16",
        _replaced(Tables, _is_due=_due_only_behind),
    ),
    Bug("the attempt limit is forgotten", 0, "I18", _replaced(tables, ATTEMPT_LIMIT=10**6)),
    Bug("a poisoned run leaves no dead letter", 0, "I18", _replaced(Tables, _bury=_no_letter)),
    Bug("a take-over fails the run", 0, "I8", _replaced(execution, fold=_gives_up)),
    Bug("a take-over completes the run", 0, "I8", _replaced(execution, fold=_calls_it_done)),
    Bug("a failed run has no terminal frame", 7, "I8", _replaced(Tables, finish_run=_ends_silently)),
    Bug("a failed run is called completed", 7, "I8", _replaced(Tables, finish_run=_calls_all_completed)),
    Bug("replay takes away what it replayed", 8, "I10-I12", _trimmed_replay),
    Bug(
        "a tool's message has another id in the stream than in the thread",
        9,
        "I7",
        _replaced(tool_manager, tool_row=_other_ids),
    ),
    Bug("a result is not fenced", 0, "I2", _replaced(Tables, _fenced=_unfenced)),
    Bug("two runs of one thread are claimed", 0, "I3", _replaced(Tables, _is_head=_any_head)),
    Bug("an INTENT ignores the stop", 0, "I9", _replaced(Tables, _intent=_unstoppable)),
    Bug("a stop is answered and forgotten", 0, "I7", _replaced(Tables, request_stop=_forgets_the_stop)),
    Bug("the model is asked before its INTENT is stored", 0, "I6", _replaced(Tables, begin_step=_intent_later)),
    Bug("the model is asked again although its tools have begun", 0, "I4", _replaced(execution, fold=_asks_again)),
    Bug("an answer that is stored is asked for again", 0, "I5", _replaced(execution, fold=_asks_for_the_stored)),
    Bug("a whole answer is asked for again by its owner", 0, "I5", _replaced(StepRunner, _answered=_doubts)),
    Bug("a charge is dropped", 0, "I15", _replaced(bill, charge=_charges_nothing)),
    Bug("a step is charged again under another key", 0, "I15", _replaced(RunLog, _charges=_charges_twice)),
    Bug("a tool's key is new for each try", 0, "I4", _replaced(tool_manager, call_key=_key_of_this_try)),
    Bug("events are shown before they are stored", 0, "I10-I12", _shown_before_stored),
    Bug(
        "a new owner goes on under the old epoch in the stream",
        0,
        "I8",
        _replaced(RunPublisher, __init__=_one_epoch),
    ),
)


def hunt(bug: Bug | None, tries: int, faults: int = 4) -> tuple[int, list[str]]:
    """How many interleavings it took to find something, and what; without a bug: all of them."""
    with bug.plant() if bug else nullcontext():
        for number in range(1, tries + 1):
            if found := violations(play(f"hunt {number}", faults)):
                return number, found
    return tries, []
