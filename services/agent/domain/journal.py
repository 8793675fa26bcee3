"""The journal of a run and how it folds: what is done is reused, what is open says what to do next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Final, Literal
from uuid import UUID

from services.agent.domain.run import Ending

CONTINUES: Final = frozenset({"tool_calls", "length"})
"""Finish reasons after which the model is asked again."""
JOINED_ROWS: Final = 50
JOINED_BYTES: Final = 1024 * 1024
"""What one request joins at most: receivers bound the messages and the bytes of one."""


@dataclass(frozen=True, slots=True)
class StepRecord:
    """A model call: INTENT made it, RESULT fills finish_reason, text, reasoning and cost (micro-credits)."""

    step_no: int
    epoch: int
    state: Literal["started", "done"]
    message_id: UUID
    llm_response_id: UUID
    price_version: str
    held: int
    hold_ordinal: int
    finish_reason: str | None = None
    text: str | None = None
    reasoning: str = ""
    cost: int = 0
    prompt_tokens: int = 0
    """Of the question, as estimated at INTENT."""


@dataclass(frozen=True, slots=True)
class CallRecord:
    """A tool call: planned (the answer holds it), started (INTENT) or done (RESULT)."""

    step_no: int
    ordinal: int
    state: Literal["planned", "started", "done"]
    tool_call_id: str
    function_name: str
    arguments_json: str
    message_id: UUID
    """Of the tool row."""
    text_so_far: str = ""
    reasoning_so_far: str = ""
    success: bool | None = None
    output_json: str = "null"
    error: str | None = None
    content: str = ""
    """What the model is shown."""
    terminating: bool = False


@dataclass(frozen=True, slots=True)
class OwedRow:
    """An outbox row: payload is the serialized request of its kind."""

    seq: int
    kind: Literal["messages", "charges"]
    payload: bytes


def joinable(rows: Sequence[OwedRow]) -> int:
    """How many of these rows, from the first on, may go in one request; at least one of any."""
    size = 0
    for count, row in enumerate(rows):
        size += len(row.payload)
        if count == JOINED_ROWS or (count and size > JOINED_BYTES):
            return count
    return len(rows)


@dataclass(frozen=True, slots=True)
class Journal:
    """All that earlier owners wrote."""

    steps: tuple[StepRecord, ...] = ()
    calls: tuple[CallRecord, ...] = ()
    owed: tuple[OwedRow, ...] = ()


@dataclass(frozen=True, slots=True)
class CompletedStep:
    """A step with its calls settled: what the model is shown of it."""

    step: StepRecord
    calls: tuple[CallRecord, ...]


@dataclass(frozen=True, slots=True)
class AskModel:
    """Ask the model for this step; `again` is the INTENT of an owner that died before its RESULT."""

    step_no: int
    again: StepRecord | None = None


@dataclass(frozen=True, slots=True)
class CloseAnswer:
    """Tools were started while the answer streamed: close it at what was committed, do not ask again."""

    step: StepRecord
    calls: tuple[CallRecord, ...]


@dataclass(frozen=True, slots=True)
class SettleCalls:
    """The answer is done, some of its calls are not."""

    step: StepRecord
    calls: tuple[CallRecord, ...]


NextMove = AskModel | CloseAnswer | SettleCalls | Ending


@dataclass(frozen=True, slots=True)
class ResumePoint:
    """Where a run goes on."""

    completed: tuple[CompletedStep, ...]
    move: NextMove


def fold(journal: Journal, max_steps: int) -> ResumePoint:
    """What is done, and the one thing to do next. A run without a journal starts at its first step."""
    calls_of = {
        step_no: tuple(calls)
        for step_no, calls in groupby(
            sorted(journal.calls, key=attrgetter("step_no", "ordinal")), key=attrgetter("step_no")
        )
    }
    completed: list[CompletedStep] = []
    for step in sorted(journal.steps, key=attrgetter("step_no")):
        calls = calls_of.get(step.step_no, ())
        if step.state == "started":
            move = CloseAnswer(step, calls) if calls else AskModel(step.step_no, again=step)
            return ResumePoint(tuple(completed), move)
        if any(call.state != "done" for call in calls):  # in a stopped answer, those that had come to their end
            return ResumePoint(tuple(completed), SettleCalls(step, calls))
        completed.append(CompletedStep(step, calls))
    return ResumePoint(tuple(completed), after(completed[-1], max_steps) if completed else AskModel(1))


def after(done: CompletedStep, max_steps: int) -> AskModel | Ending:
    """What follows a step that is done."""
    if any(call.terminating and call.success for call in done.calls):
        return Ending("completed", "terminating_tool", "Agent run completed")
    if done.step.finish_reason == "stopped":
        return Ending("stopped", "user", "Agent run stopped")
    if done.step.finish_reason == "error":
        return Ending("failed", "error", "The model failed before its answer was whole", "INTERNAL_ERROR")
    if not done.calls and done.step.finish_reason not in CONTINUES:
        return Ending("completed", "stop", "Agent run completed")
    if done.step.step_no >= max_steps:
        return Ending("completed", "max_steps", f"Agent run completed after {max_steps} steps, its limit")
    return AskModel(done.step.step_no + 1)
