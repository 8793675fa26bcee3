"""One step: INTENT, the model's answer as it streams, RESULT, and the calls in it."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID, uuid5

import orjson

from services.agent.codec.answers import encode_answer
from services.agent.domain.events import (
    AssistantComplete,
    ContextUsage,
    FinishedCall,
    MessageReset,
    ModelCallEnded,
    ModelCallStarted,
    ReasoningChunk,
    RunEvent,
    StepFinished,
    TextChunk,
    Thinking,
)
from services.agent.domain.journal import CONTINUES, AskModel, CallRecord, CompletedStep, StepRecord
from services.agent.domain.rows import Charge, MessageRow, assistant_row, response_row, status_row
from services.agent.engine import bill
from services.agent.engine.conversation import step_key
from services.agent.engine.interrupt import Interrupted
from services.agent.engine.patience import patiently
from services.agent.engine.response_processor import Answer, ResponseProcessor
from services.agent.engine.state import RunState
from services.agent.engine.tool_manager import ToolManager
from services.agent.errors import Fenced
from services.agent.llm.errors import ModelError
from services.agent.llm.estimate import estimate_prompt, estimate_tokens, estimate_usage
from services.agent.llm.port import ModelRequest, Usage

MAX_ATTEMPTS: Final = 3
"""Calls of a model for one step, when what failed may succeed later."""


class Failed(Exception):
    """A call of the model failed before any tool had begun."""

    def __init__(self, error: ModelError, answer: Answer) -> None:
        super().__init__(str(error))
        self.error = error
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Open:
    """A step that began and has no RESULT. `answer`: what came of it; None: its owner died."""

    step: StepRecord
    answer: Answer | None = None


class StepRunner:
    """A run's next step."""

    def __init__(self, state: RunState) -> None:
        self._state = state
        self._claim = state.claim
        self._log = state.log
        self._open: Open | None = None

    def take_over(self, step: StepRecord) -> None:
        """A dead owner's INTENT, to be asked again or abandoned."""
        self._open = Open(step)

    async def abandon(self, finish_reason: str) -> list[Charge]:
        """Closes a step that is not asked again, because the run ends: what was shown of its answer stays, and is
        charged. What is known of an answer that was lost is the waste that is returned."""
        if self._open is None:
            return []
        step, answer, run = self._open.step, self._open.answer, self._claim.run
        self._open = None
        if answer is None:
            answer = await self._recalled(step)
            if not answer.shown:
                return [bill.lost(run.run_id, run.model, step)]
        if answer.shown:
            answer.finish_reason = finish_reason
            answer.usage = Usage(step.prompt_tokens, estimate_tokens(answer.text + answer.reasoning), estimated=True)
            await self._with_calls(step, lambda tools: self._commit(step, answer, tools, []))
        return []

    async def _recalled(self, step: StepRecord) -> Answer:
        """What a dead owner showed, told again under this epoch."""
        shown = await self._state.recall(self._claim.run_id, step.epoch, step.message_id)
        answer, message_id = Answer([shown.text], [shown.reasoning]), str(step.message_id)
        if answer.shown:
            self._log.emit(MessageReset(message_id, "takeover"))
            if shown.reasoning:
                self._log.emit(ReasoningChunk(message_id, shown.reasoning))
            if shown.text:
                self._log.emit(TextChunk(message_id, shown.text))
        return answer

    async def ask(self, move: AskModel, messages: list[dict[str, Any]], first: list[RunEvent]) -> CompletedStep:
        """Asks the model, as often as is worth it. Raises ModelError, Interrupted, StopRequested, PaymentRequired:
        `abandon` then closes what is open."""
        step = move.again or self._new_step(move.step_no)
        events, wasted = list(first), list[Charge]()
        if move.again:
            events.append(MessageReset(str(step.message_id), "takeover"))
        for attempt in range(1, MAX_ATTEMPTS + 1):
            request = self._request(step.step_no, messages, attempt)
            prompt_tokens = estimate_prompt(request)
            if move.again and attempt == 1:
                wasted = [bill.lost(self._claim.run_id, self._claim.run.model, step)]
            step = await self._begin(step, request, prompt_tokens, events, wasted)
            try:
                return await self._attempt(step, request)
            except Failed as failed:
                self._open = Open(step, failed.answer)
                if not failed.error.retryable or attempt == MAX_ATTEMPTS:
                    raise failed.error from None
                events, wasted = self._withdrawn(step, request, failed.answer, attempt)
                await self._pause(failed.error, attempt)
        raise AssertionError("unreachable")

    def _withdrawn(
        self, step: StepRecord, request: ModelRequest, answer: Answer, attempt: int
    ) -> tuple[list[RunEvent], list[Charge]]:
        """What takes back a part of an answer that was shown and is asked for again."""
        if not answer.shown:
            return [], []
        usage = estimate_usage(request, answer.text + answer.reasoning)
        run, which = self._claim.run, f"e{self._claim.epoch}a{attempt}"
        reset = MessageReset(str(step.message_id), "retry")
        return [reset], [bill.waste(run.run_id, run.model, step, usage, which)]

    async def close(self, step: StepRecord, calls: tuple[CallRecord, ...]) -> CompletedStep:
        """Closes an answer whose owner died while its tools ran: at the committed prefix, without asking again."""
        latest = max(calls, key=lambda call: len(call.text_so_far))
        answer = Answer([latest.text_so_far], [latest.reasoning_so_far], finish_reason="tool_calls")
        self._log.emit(MessageReset(str(step.message_id), "takeover"))
        if latest.text_so_far:
            self._log.emit(TextChunk(str(step.message_id), latest.text_so_far))
        spoken = latest.text_so_far + latest.reasoning_so_far + "".join(call.arguments_json for call in calls)
        answer.usage = Usage(step.prompt_tokens, estimate_tokens(spoken), estimated=True)
        return await self._with_calls(step, lambda tools: self._closed(step, answer, tools, calls))

    async def restore(self, step: StepRecord, answer: Answer, calls: tuple[CallRecord, ...]) -> CompletedStep:
        """Writes an answer that a dead owner had, and Postgres was away: nobody is asked again."""
        self._open = None
        self._log.emit(MessageReset(str(step.message_id), "takeover"))
        if answer.reasoning:
            self._log.emit(ReasoningChunk(str(step.message_id), answer.reasoning))
        if answer.text:
            self._log.emit(TextChunk(str(step.message_id), answer.text))

        async def body(tools: ToolManager) -> StepRecord:
            tools.resume(calls)
            tools.keep(answer)
            return await self._commit(step, answer, tools, [])

        return await self._with_calls(step, body)

    async def settle(self, step: StepRecord, calls: tuple[CallRecord, ...]) -> CompletedStep:
        """Settles the calls of an answer that is done."""

        async def body(tools: ToolManager) -> StepRecord:
            tools.resume(calls)
            tools.answer_committed(step)
            return step

        return await self._with_calls(step, body)

    async def _begin(
        self, step: StepRecord, request: ModelRequest, prompt_tokens: int, events: list[RunEvent], wasted: list[Charge]
    ) -> StepRecord:
        """INTENT, with a worst case that is held."""
        state = self._state
        await patiently(state.interrupt, lambda: state.purse.afford(prompt_tokens))
        step = replace(
            step,
            epoch=self._claim.epoch,
            held=state.purse.held,
            hold_ordinal=state.purse.ordinal,
            state="started",
            prompt_tokens=prompt_tokens,
        )
        digest = hashlib.sha256(orjson.dumps([request.model, request.messages, request.tools])).digest()
        self._log.emit(Thinking(step.step_no, "Thinking"))
        self._log.emit(ContextUsage(prompt_tokens, len(request.messages)))
        asked = ModelCallStarted(
            str(edge_id(step, "start")),
            str(step.llm_response_id),
            step.step_no - 1,
            self._claim.run.model,
            str(step.message_id),
        )
        await self._log.begin_step(step, digest, [*events, asked], wasted)
        self._open = None
        return step

    async def _attempt(self, step: StepRecord, request: ModelRequest) -> CompletedStep:
        """One call of the model. Raises Failed with what came before the failure."""

        async def body(tools: ToolManager) -> StepRecord:
            processor = ResponseProcessor(step.message_id, self._log.emit, tools.announce)
            finish_reason: str | None = None
            try:
                async with self._state.interrupt.scope(), aclosing(self._state.model.port.stream(request)) as batches:
                    await processor.read(batches)
            except Interrupted as interrupted:
                if interrupted.reason == "drain":
                    raise
                finish_reason = "stopped"
            except ModelError as error:
                if not tools.begun:
                    raise Failed(error, processor.answer) from None
                finish_reason = "tool_calls"
            return await self._answered(step, request, processor.answer, tools, finish_reason)

        return await self._with_calls(step, body)

    async def _answered(
        self, step: StepRecord, request: ModelRequest, answer: Answer, tools: ToolManager, cut: str | None
    ) -> StepRecord:
        """RESULT of an answer, whole or cut (then with this finish reason)."""
        dropped: list[int] = []
        if cut is None:
            tools.keep(answer)
        elif cut == "stopped":
            dropped = await tools.drop_unfinished()
        if cut is not None:
            answer.finish_reason = cut
        if answer.usage is None:
            told = "".join(call.arguments_json for call in answer.calls.values())
            answer.usage = estimate_usage(request, answer.text + answer.reasoning + told)
        return await self._commit(step, answer, tools, dropped)

    async def _closed(
        self, step: StepRecord, answer: Answer, tools: ToolManager, calls: tuple[CallRecord, ...]
    ) -> StepRecord:
        tools.resume(calls)
        return await self._commit(step, answer, tools, [])

    async def _commit(self, step: StepRecord, answer: Answer, tools: ToolManager, dropped: list[int]) -> StepRecord:
        usage, reason = answer.usage, answer.finish_reason or "stop"
        assert usage is not None
        calls = tools.records
        done = replace(
            step,
            state="done",
            finish_reason=reason,
            text=answer.text,
            reasoning=answer.reasoning,
            cost=self._state.purse.spend(usage),
        )
        last = not calls and reason not in CONTINUES
        events, rows = self._told(done, usage, calls, answer)
        copy = step_key(self._claim.run_id, step.step_no), lambda: encode_answer(step, answer)
        charge = bill.charge(self._claim.run_id, self._claim.run.model, done, usage)
        planned = [call for call in calls if call.state != "done"]
        await self._log.finish_step(done, planned, dropped, events, rows, charge, copy, last=last)
        tools.answer_committed(done)
        return done

    def _told(
        self, step: StepRecord, usage: Usage, calls: tuple[CallRecord, ...], answer: Answer
    ) -> tuple[list[RunEvent], list[MessageRow]]:
        """The frames and rows of an answer."""
        run = self._claim.run
        started_id, ended_id = edge_id(step, "start"), edge_id(step, "end")
        meter: dict[str, Any] = {
            "prompt_tokens": usage.prompt_tokens,
            "completion_tokens": usage.completion_tokens,
            "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        }
        if usage.cached_read_tokens:
            meter["cache_read_input_tokens"] = usage.cached_read_tokens
            meter["prompt_tokens_details"] = {"cached_tokens": usage.cached_read_tokens}
        if usage.cache_write_tokens:
            meter["cache_creation_input_tokens"] = usage.cache_write_tokens
        start = {"auto_continue_count": step.step_no - 1, "model": run.model, "timestamp": self._state.now_iso()}
        end = {"usage": meter, "model": run.model}
        rows = [response_row(started_id, run.run_id, "llm_response_start", step.llm_response_id, start)]
        events: list[RunEvent] = []
        if answer.shown or calls or step.finish_reason != "stopped":
            rows.append(assistant_row(run.run_id, step, calls))
            events.append(complete(step, calls))
        rows.append(response_row(ended_id, run.run_id, "llm_response_end", step.llm_response_id, end))
        events.append(
            ModelCallEnded(
                str(ended_id),
                str(step.llm_response_id),
                run.model,
                usage.prompt_tokens,
                usage.completion_tokens,
                usage.cached_read_tokens,
                usage.cache_write_tokens,
                usage.estimated,
            )
        )
        if not calls:
            self._finish_frame(step, events, rows)
        return events, rows

    def _finish_frame(self, step: StepRecord, events: list[RunEvent], rows: list[MessageRow]) -> None:
        finish_id, reason = self._state.new_id(), step.finish_reason or "stop"
        events.append(StepFinished(str(finish_id), reason, tools_executed=False, step=step.step_no))
        rows.append(status_row(finish_id, self._claim.run_id, "finish", finish_reason=reason, tools_executed=False))

    async def _with_calls(
        self, step: StepRecord, body: Callable[[ToolManager], Awaitable[StepRecord]]
    ) -> CompletedStep:
        """Runs `body`, which commits the answer, with a manager for the step's calls, and waits for these."""
        try:
            async with asyncio.TaskGroup() as group:
                tools = ToolManager(self._state, step, group)
                done = await body(tools)
        except BaseExceptionGroup as failed:
            raise first_of(failed) from None
        return CompletedStep(done, tools.records)

    async def _pause(self, failure: ModelError, attempt: int) -> None:
        """Before asking again: what the provider wishes, else a growing pause."""
        wish = failure.retry_after if failure.retry_after is not None else 0.5 * 2 ** (attempt - 1)
        async with self._state.interrupt.scope():
            await asyncio.sleep(min(wish, 30.0) + random.uniform(0, 0.1))  # noqa: S311 -- jitter, not a secret

    def _new_step(self, step_no: int) -> StepRecord:
        new_id = self._state.new_id
        price = self._claim.spec.price.version
        return StepRecord(step_no, self._claim.epoch, "started", new_id(), new_id(), price, 0, 0)

    def _request(self, step_no: int, messages: list[dict[str, Any]], attempt: int) -> ModelRequest:
        state = self._state
        return ModelRequest(
            model=state.model.model,
            messages=messages,
            tools=[function.schema for function in state.functions.values()],
            reasoning_effort=state.reasoning_effort,
            request_id=step_key(self._claim.run_id, step_no),
            attempt=attempt,
        )


def edge_id(step: StepRecord, edge: str) -> UUID:
    """The id of the row that begins or ends an answer: told before it is stored, so it is derived."""
    return uuid5(step.llm_response_id, edge)


def complete(step: StepRecord, calls: tuple[CallRecord, ...]) -> AssistantComplete:
    """The frame of an answer that is stored."""
    return AssistantComplete(
        str(step.message_id),
        step.text or None,
        step.finish_reason or "stop",
        step.reasoning,
        tuple(FinishedCall(call.tool_call_id, call.function_name, call.arguments_json) for call in calls),
    )


def first_of(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The one error that matters: a lost fence before all, else the first."""
    leaves: list[BaseException] = []
    for error in group.exceptions:
        leaves.append(first_of(error) if isinstance(error, BaseExceptionGroup) else error)
    return next((leaf for leaf in leaves if isinstance(leaf, Fenced)), leaves[0])
