"""How a run ends when it does not end by itself, and what a person is told then."""

from __future__ import annotations

from typing import Final

from services.agent.domain.events import ErrorAction, RunEnded, RunError
from services.agent.domain.run import Ending
from services.agent.engine.interrupt import Reason
from services.agent.llm.errors import ModelError
from services.kit.errors import MeshError, PaymentRequired

STOPPED: Final = Ending("stopped", "user", "Agent run stopped")
DELETED: Final = Ending("stopped", "deleted", "Agent run stopped: its thread was deleted")
INTERRUPTED: Final = Ending("stopped", "interrupted", "Agent run stopped for a later message")
UNDELIVERABLE: Final = Ending(
    "failed", "undeliverable", "A part of the run could not be stored; it was kept for an operator", "INTERNAL_ERROR"
)
DEADLINE: Final = Ending("failed", "deadline", "The run took longer than a run may take", "LLM_TIMEOUT")
POISON: Final = Ending("failed", "poison", "The run was given up: its workers kept failing on it", "INTERNAL_ERROR")

_OF_REASON: Final[dict[Reason, Ending]] = {
    "deadline": DEADLINE,
    "deleted": DELETED,
    "interrupted": INTERRUPTED,
    "undeliverable": UNDELIVERABLE,
}


def of_interrupt(reason: Reason) -> Ending:
    """For a run that was cut short."""
    return _OF_REASON.get(reason, STOPPED)


def of_model_error(error: ModelError) -> tuple[Ending, RunError]:
    """For a model that failed for good."""
    facing = error.user_facing
    actions = tuple(
        ErrorAction(action.type, action.label, None, round(action.delay_seconds) if action.delay_seconds else None)
        for action in facing.actions
    )
    return (
        Ending("failed", "error", error.message, facing.code.value),
        RunError(error.message, facing.code.value, facing.recoverable, actions),
    )


def of_refusal(error: MeshError) -> tuple[Ending, RunError]:
    """For a neighbour that said no: no credit left, no thread."""
    if isinstance(error, PaymentRequired):
        message = f"Insufficient credits: {error.message}"
        ending = Ending("failed", "insufficient_credits", message, "INSUFFICIENT_CREDITS")
    else:
        ending = Ending("failed", "error", error.message, error.reason)
    return ending, RunError(ending.message, ending.error_code or error.reason, recoverable=False)


def terminal(ending: Ending) -> RunEnded:
    """The last event."""
    return RunEnded(ending.status, ending.message, ending.reason, ending.error_code)
