"""The run loop: fold the journal, then step after step until something ends the run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import structlog

from services.agent.codec.answers import decode_answer
from services.agent.domain.events import PrepStage, RunError, RunEvent, RunStarted
from services.agent.domain.journal import (
    AskModel,
    CloseAnswer,
    CompletedStep,
    ResumePoint,
    SettleCalls,
    after,
)
from services.agent.domain.rows import conversation, run_start_id
from services.agent.domain.run import Ending
from services.agent.engine import endings
from services.agent.engine.conversation import ContextManager, step_key
from services.agent.engine.interrupt import Interrupted
from services.agent.engine.patience import patiently
from services.agent.engine.state import RunState
from services.agent.engine.step import StepRunner
from services.agent.errors import StopRequested
from services.agent.llm.errors import ModelError
from services.kit.errors import MeshError

log = structlog.get_logger()

DELIVERED_WITHIN_S: Final = 2.0
"""For how long a run that was told to end waits for threads."""
CHARGED_WITHIN_S: Final = 1.0
"""For how long any run waits for billing."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the loop ended."""

    ending: Ending
    error: RunError | None = None


class AgentRunner:
    """One run, from where its journal left it to its terminal."""

    def __init__(self, state: RunState, context: ContextManager) -> None:
        self._state = state
        self._context = context
        self._steps = StepRunner(state)

    async def run(self, point: ResumePoint) -> bool:
        """Executes the run. True: another run of the thread waits. Raises Interrupted (drain) and Fenced."""
        outcome = await self._outcome(point)
        wasted = await self._steps.abandon("stopped" if self._state.interrupt.reason else "error")
        await self._settle()
        if self._state.interrupt.reason == "undeliverable":
            outcome = Outcome(endings.UNDELIVERABLE)
        log.info("run.ended", status=outcome.ending.status, reason=outcome.ending.reason)
        ended = endings.terminal(outcome.ending)
        told: list[RunEvent] = [outcome.error, ended] if outcome.error else [ended]
        return await self._state.log.finish_run(outcome.ending, told, wasted)

    async def _settle(self) -> None:
        """Waits for the neighbours to have what they are owed: threads for as long as the run may take, and a moment
        more once it was told to end. What they lack then, the outbox delivers. Raises Interrupted (drain)."""
        state = self._state
        try:
            async with state.interrupt.scope():
                await state.log.delivered(None)
        except Interrupted as interrupted:
            if interrupted.reason == "drain":
                raise
            await state.log.delivered(DELIVERED_WITHIN_S)
        await state.log.charged(CHARGED_WITHIN_S)

    async def _outcome(self, point: ResumePoint) -> Outcome:
        try:
            return Outcome(await self._loop(point))
        except Interrupted as interrupted:
            if interrupted.reason == "drain":
                raise
            return Outcome(endings.of_interrupt(interrupted.reason))
        except StopRequested as stop:
            self._state.interrupt.trigger(stop.reason)
            return Outcome(endings.of_interrupt(stop.reason))
        except ModelError as error:
            return Outcome(*endings.of_model_error(error))
        except MeshError as refused:
            return Outcome(*endings.of_refusal(refused))

    async def _loop(self, point: ResumePoint) -> Ending:
        state, move, completed = self._state, point.move, point.completed
        if isinstance(move, Ending):
            if move.status == "stopped":  # why is not in the journal
                state.interrupt.check()
            return move
        if isinstance(move, AskModel) and move.again:
            self._steps.take_over(move.again)
        first: list[RunEvent] = []
        if not completed and isinstance(move, AskModel) and not move.again:
            first = [RunStarted(str(run_start_id(state.claim.run_id)))]
        await self._learn_tools()
        done = await self._recover(move)
        if done:
            completed, move = (*completed, done), after(done, state.claim.spec.max_steps)
        assert not isinstance(move, CloseAnswer | SettleCalls)
        state.interrupt.check()
        messages = await self._load(completed) if isinstance(move, AskModel) else []
        while isinstance(move, AskModel):
            state.interrupt.boundary()
            done = await self._steps.ask(move, messages, first)
            state.interrupt.check()
            first = []
            messages += conversation(done)
            move = after(done, state.claim.spec.max_steps)
        return move

    async def _learn_tools(self) -> None:
        """What the model may call. A run that was asked to end needs none, but its open calls are settled first."""
        state = self._state
        try:
            if state.native_tools:
                known = await patiently(state.interrupt, state.tools.catalogue)
                may_call = state.claim.spec.may_call
                state.functions.update({name: found for name, found in known.items() if may_call(found.tool)})
        except Interrupted as interrupted:
            if interrupted.reason == "drain":
                raise

    async def _recover(self, move: AskModel | CloseAnswer | SettleCalls) -> CompletedStep | None:
        """What an owner that died left half done; a run that was asked to end cancels its calls there. None: nothing,
        or a question that is asked again."""
        step = move.again if isinstance(move, AskModel) else move.step
        if step is None:
            return None
        kept = self._state.kept.get(step_key(self._state.claim.run_id, step.step_no))
        if step.state == "started" and kept and (answer := decode_answer(kept, step)):
            return await self._steps.restore(step, answer, () if isinstance(move, AskModel) else move.calls)
        if isinstance(move, AskModel):
            return None
        if isinstance(move, CloseAnswer):
            return await self._steps.close(move.step, move.calls)
        return await self._steps.settle(move.step, move.calls)

    async def _load(self, completed: tuple[CompletedStep, ...]) -> list[dict[str, Any]]:
        state = self._state
        state.log.emit(PrepStage("loading", "Loading the conversation", 50))
        messages = await patiently(state.interrupt, lambda: self._context.load(state.claim, completed))
        state.log.emit(PrepStage("ready", "Ready", 100))
        return messages
