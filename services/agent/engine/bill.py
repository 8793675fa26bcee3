"""What a model call is charged as: to the account, or, where its answer was lost, to nobody (`llm_waste`)."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from services.agent.domain.journal import Journal, StepRecord
from services.agent.domain.rows import Charge
from services.agent.llm.port import Usage


def charge(run_id: UUID, model: str, step: StepRecord, usage: Usage) -> Charge:
    """A step's one charge."""
    return Charge(
        key=f"post:{run_id}:{step.step_no}",
        step_no=step.step_no,
        price_version=step.price_version,
        model=model,
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        message_id=step.message_id,
        cached_read_tokens=usage.cached_read_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        estimated=usage.estimated,
    )


def waste(run_id: UUID, model: str, step: StepRecord, usage: Usage, which: str) -> Charge:
    """A call whose answer was withdrawn or lost; `which` tells it from the step's others."""
    made = charge(run_id, model, step, usage)
    return replace(made, key=f"{made.key}:waste:{which}", wasted=True, estimated=True)


def lost(run_id: UUID, model: str, step: StepRecord) -> Charge:
    """The call of an owner that died before its RESULT: its question, as it was estimated then."""
    return waste(run_id, model, step, Usage(step.prompt_tokens, 0, estimated=True), f"e{step.epoch}")


def lost_in(run_id: UUID, model: str, journal: Journal) -> list[Charge]:
    """The same for a run that nobody goes on with."""
    return [lost(run_id, model, step) for step in journal.steps if step.state == "started"]
