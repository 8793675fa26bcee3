"""The run loop: fold the journal, then step after step until something ends the run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import structlog

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
from services.agent.engine.conversation import ContextManager
from services.agent.engine.interrupt import Interrupted
from services.agent.engine.state import RunState
from services.agent.engine.step import StepRunner
from services.agent.errors import StopRequested
from services.agent.llm.errors import ModelError
from services.kit.errors import MeshError

log = structlog.get_logger()


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
        log.info("run.ended", status=outcome.ending.status, reason=outcome.ending.reason)
        ended = endings.terminal(outcome.ending)
        return await self._state.log.finish_run(outcome.ending, [outcome.error, ended] if outcome.error else [ended])

    async def _outcome(self, point: ResumePoint) -> Outcome:
        try:
            return Outcome(await self._loop(point))
        except Interrupted as interrupted:
            if interrupted.reason == "drain":
                raise
            return Outcome(endings.of_interrupt(interrupted.reason))
        except StopRequested:
            return Outcome(endings.STOPPED)
        except ModelError as error:
            return Outcome(*endings.of_model_error(error))
        except MeshError as refused:
            return Outcome(*endings.of_refusal(refused))

    async def _loop(self, point: ResumePoint) -> Ending:
        state = self._state
        if isinstance(point.move, Ending):
            return point.move
        state.interrupt.check()
        state.log.emit(PrepStage("loading", "Loading the conversation", 50))
        messages = await self._context.load(state.claim, point.completed)
        state.log.emit(PrepStage("ready", "Ready", 100))
        first: list[RunEvent] = []
        if not point.completed and not (isinstance(point.move, AskModel) and point.move.again):
            first = [RunStarted(str(run_start_id(state.claim.run_id)))]
        move: AskModel | CloseAnswer | SettleCalls | Ending = point.move
        while not isinstance(move, Ending):
            done = await self._move(move, messages, first)
            state.interrupt.check()
            first = []
            messages += conversation(done)
            move = after(done, state.claim.spec.max_steps)
            if isinstance(move, AskModel):
                state.interrupt.boundary()
        return move

    async def _move(
        self, move: AskModel | CloseAnswer | SettleCalls, messages: list[dict[str, Any]], first: list[RunEvent]
    ) -> CompletedStep:
        if isinstance(move, AskModel):
            return await self._steps.ask(move, messages, first)
        if isinstance(move, CloseAnswer):
            return await self._steps.close(move.step, move.calls)
        return await self._steps.settle(move.step, move.calls)
