"""Executes the calls of one answer.

A call may start while the answer still streams: its INTENT commits, then tools is asked. Its RESULT waits for the
answer's own, so that the thread reads answer, then results. A wait for tools can be interrupted; the execution is then
cancelled there, and its process tree is gone when that is answered.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, replace
from uuid import UUID, uuid5

import structlog

from services.agent.domain.events import (
    RunEvent,
    StepFinished,
    ToolCompleted,
    ToolFinished,
    ToolOutputChunk,
    ToolStarted,
)
from services.agent.domain.journal import CallRecord, StepRecord
from services.agent.domain.rows import MessageRow, parse, status_row, tool_row
from services.agent.engine.conversation import call_key
from services.agent.engine.interrupt import Interrupted
from services.agent.engine.response_processor import Answer, Call, clean
from services.agent.engine.state import RunState
from services.agent.errors import Fenced, StopRequested
from services.agent.ports import ToolCallRequest, ToolOutcome
from services.kit.context import acting_for
from services.kit.errors import MeshError, Unavailable
from services.kit.pauses import Pauses

logger = structlog.get_logger()

MAX_CONTENT = 200_000
"""Characters of a result that the model is shown."""


@dataclass(slots=True)
class Execution:
    """A call on its way."""

    record: CallRecord
    begun: bool = False
    outcome: ToolOutcome | None = None
    dropped: bool = False


class Shown:
    """How much of a call's output viewers have: each attachment tells it from the start."""

    def __init__(self) -> None:
        self._shown = 0
        self._at = 0

    def rewind(self) -> None:
        """A new attachment begins."""
        self._at = 0

    def fresh(self, text: str) -> str:
        """The part of a piece that was not shown yet."""
        start, self._at = self._at, self._at + len(text)
        known = max(self._shown - start, 0)
        self._shown = max(self._shown, self._at)
        return text[known:]


class ToolManager:
    """One step's calls, in the step's task group."""

    def __init__(self, state: RunState, step: StepRecord, group: asyncio.TaskGroup) -> None:
        self._claim = state.claim
        self._step = step
        self._log = state.log
        self._tools = state.tools
        self._functions = state.functions
        self._interrupt = state.interrupt
        self._new_id = state.new_id
        self._policy = state.tool_policy
        self._group = group
        self._executions: dict[int, Execution] = {}
        self._answered = asyncio.Event()
        self._turn = asyncio.Lock()
        self._open = 0

    @property
    def begun(self) -> bool:
        """Whether a call's INTENT was, or is being, committed: the model is not asked again then."""
        return bool(self._executions)

    @property
    def records(self) -> tuple[CallRecord, ...]:
        """The calls that stay in the answer, in order."""
        kept = (e for _, e in sorted(self._executions.items()) if not e.dropped)
        return tuple(execution.record for execution in kept)

    def announce(self, call: Call, answer: Answer) -> None:
        """A call is complete: starts it now where the policy is early."""
        if self._policy.early:
            self._start(self._record(call, answer))

    def resume(self, records: tuple[CallRecord, ...]) -> None:
        """Takes over calls of an earlier owner: those done stay so, the others go on by their key."""
        for record in records:
            if record.state == "done":
                self._executions[record.ordinal] = Execution(record, begun=True)
            else:
                self._start(record)

    def keep(self, answer: Answer) -> None:
        """The answer is whole: all its calls belong to it, begun or not."""
        for call in answer.calls.values():
            if call.index not in self._executions:
                self._executions[call.index] = Execution(self._record(call, answer))

    async def drop_unfinished(self) -> list[int]:
        """The answer was cut: calls without an outcome are no part of it. Their ordinals, once they are cancelled."""
        unfinished = [e for e in self._executions.values() if e.outcome is None and e.record.state != "done"]
        for execution in unfinished:
            execution.dropped = True
        async with asyncio.TaskGroup() as cancelling:  # each may take as long as its processes do
            for execution in unfinished:
                if execution.begun:
                    cancelling.create_task(self._cancel(execution.record))
        return [execution.record.ordinal for execution in unfinished]

    def answer_committed(self, step: StepRecord) -> None:
        """Results may follow; calls that waited for it start."""
        self._step = step
        waiting = [e for e in self._executions.values() if not e.dropped and e.record.state != "done"]
        self._open = len(waiting)
        self._answered.set()
        for execution in waiting:
            if execution.record.state == "planned":
                self._start(execution.record)

    def _record(self, call: Call, answer: Answer) -> CallRecord:
        return CallRecord(
            step_no=self._step.step_no,
            ordinal=call.index,
            state="planned",
            tool_call_id=call.tool_call_id,
            function_name=call.function_name,
            arguments_json=call.arguments_json,
            message_id=self._new_id(),
            text_so_far=answer.text,
            reasoning_so_far=answer.reasoning,
        )

    def _start(self, record: CallRecord) -> None:
        execution = Execution(replace(record, state="started"))
        self._executions[record.ordinal] = execution
        self._group.create_task(self._execute(execution, known=record.state == "started"))

    async def _execute(self, execution: Execution, *, known: bool) -> None:
        if self._policy.strategy == "sequential":
            async with self._turn:
                await self._carry_out(execution, known=known)
        else:
            await self._carry_out(execution, known=known)
        await self._answered.wait()
        if not execution.dropped:
            await self._finish(execution)

    async def _carry_out(self, execution: Execution, *, known: bool) -> None:
        record = execution.record
        if not known and not await self._intend(execution):
            return
        execution.begun = True
        try:
            async with self._interrupt.scope():
                execution.outcome = await self._outcome(record)
        except Interrupted as cut:
            if cut.reason == "drain":
                raise
            if not execution.dropped:
                await self._cancel(record)
                if self._answered.is_set():
                    execution.outcome = ToolOutcome(False, "null", "Stopped before it was done", "cancelled")

    async def _intend(self, execution: Execution) -> bool:
        """INTENT; False when a stop came first."""
        if execution.dropped:
            return False
        try:
            self._interrupt.check()
            await self._log.begin_calls([execution.record], [self._started(execution.record)])
        except StopRequested as stop:
            self._interrupt.trigger(stop.reason)
        except Interrupted as cut:
            if cut.reason == "drain":
                raise
        else:
            return True
        if self._answered.is_set():
            execution.outcome = ToolOutcome(False, "null", "Stopped before it began", "cancelled")
        return False

    async def _outcome(self, record: CallRecord) -> ToolOutcome:
        """Attaches to the execution until it is over; again when tools goes away meanwhile."""
        pauses = Pauses(0.1, 2.0)
        shown = Shown()
        while True:
            try:
                return await self._attach(record, shown)
            except Unavailable as away:
                pause = pauses.next()
                logger.warning("tool.attach_again", key=self._key(record), reason=away.reason, retry_in_s=pause)
                await asyncio.sleep(pause)
            except MeshError as refused:
                if refused.reason == "STALE_EPOCH":
                    raise Fenced from refused
                return ToolOutcome(False, "null", refused.message, "failed")

    async def _attach(self, record: CallRecord, shown: Shown) -> ToolOutcome:
        run = self._claim.run
        request = ToolCallRequest(
            self._key(record),
            run.epoch,
            record.function_name,
            record.arguments_json,
            run.account_id,
            run.project_id,
            run.thread_id,
            run.run_id,
        )
        scopes = self._claim.spec.scopes
        with acting_for(str(run.account_id), run_id=str(run.run_id), epoch=run.epoch, scopes=scopes):
            shown.rewind()
            async with aclosing(self._tools.execute(request)) as parts:
                async for part in parts:
                    if isinstance(part, ToolOutcome):
                        return part
                    if fresh := shown.fresh(part):
                        self._log.emit(ToolOutputChunk(record.tool_call_id, record.function_name, clean(fresh)))
        raise Unavailable("The tool's output ended without a result")

    async def _cancel(self, record: CallRecord) -> None:
        run = self._claim.run
        with acting_for(str(run.account_id), run_id=str(run.run_id), epoch=run.epoch):
            try:
                await self._tools.cancel(self._key(record), run.epoch)
            except MeshError as failed:  # its deadline ends it then
                logger.warning("tool.cancel_failed", key=self._key(record), reason=failed.reason)

    async def _finish(self, execution: Execution) -> None:
        """RESULT: the row, the frames, and, with the last one, the end of the step."""
        outcome = execution.outcome or ToolOutcome(False, "null", "Stopped before it was done", "cancelled")
        record = self._done(execution.record, outcome)
        execution.record = record
        self._open -= 1
        events, rows = self._told(record, outcome)
        if not execution.begun:  # no INTENT told viewers that it starts; its result never stands alone
            events.insert(0, self._started(record))
        if self._open == 0:
            finish_id = self._new_id()
            reason = self._step.finish_reason or "tool_calls"
            events.append(StepFinished(str(finish_id), reason, tools_executed=True, step=self._step.step_no))
            rows.append(status_row(finish_id, self._claim.run_id, "finish", finish_reason=reason, tools_executed=True))
        await self._log.finish_calls([record], events, rows)

    def _done(self, record: CallRecord, outcome: ToolOutcome) -> CallRecord:
        function = self._functions.get(record.function_name)
        return replace(
            record,
            state="done",
            success=outcome.success,
            output_json=clean(outcome.output_json),
            error=clean(outcome.error) if outcome.error else None,
            content=content_of(outcome),
            terminating=bool(function and function.terminating and outcome.success),
        )

    def _told(self, record: CallRecord, outcome: ToolOutcome) -> tuple[list[RunEvent], list[MessageRow]]:
        run_id = self._claim.run_id
        done = "tool_completed" if outcome.success else "tool_failed"
        started_id, done_id = self._status_id(record, "tool_started"), self._new_id()
        named = {
            "tool_index": record.ordinal,
            "tool_call_id": record.tool_call_id,
            "function_name": record.function_name,
        }
        linked = {"linked_tool_result_message_id": str(record.message_id)}
        if record.terminating:
            linked["agent_should_terminate"] = "true"
        rows = [
            status_row(started_id, run_id, "tool_started", **named),
            tool_row(record, self._step.message_id),
            status_row(done_id, run_id, done, **named, metadata=linked),
        ]
        common = (record.tool_call_id, record.function_name, record.ordinal)
        events: list[RunEvent] = [
            ToolCompleted(
                str(record.message_id),
                str(self._step.message_id),
                *common,
                success=outcome.success,
                output_json=record.output_json,
                error=record.error,
                content=record.content,
                terminating=record.terminating,
            ),
            ToolFinished(str(done_id), *common, outcome.success, str(record.message_id), record.terminating),
        ]
        return events, rows

    def _started(self, record: CallRecord) -> ToolStarted:
        message_id = str(self._status_id(record, "tool_started"))
        return ToolStarted(message_id, record.tool_call_id, record.function_name, record.ordinal)

    @staticmethod
    def _status_id(record: CallRecord, status_type: str) -> UUID:
        """The id of a call's status row: told before it is stored, so it is derived."""
        return uuid5(record.message_id, status_type)

    def _key(self, record: CallRecord) -> str:
        return call_key(self._claim.run_id, record.step_no, record.ordinal)


def content_of(outcome: ToolOutcome) -> str:
    """What the model is shown of an outcome."""
    value = parse(outcome.output_json or "null")
    text = value if isinstance(value, str) else "" if value is None else outcome.output_json
    if not outcome.success:
        text = f"Error: {outcome.error or 'the tool failed'}" + (f"\n{text}" if text else "")
    if len(text) > MAX_CONTENT:
        text = f"{text[:MAX_CONTENT]}\n[{len(text) - MAX_CONTENT} more characters]"
    return clean(text)
