"""How the agent fails: typed, each with its code and reason (mesh.agent.v1.ErrorReason)."""

from __future__ import annotations

from uuid import UUID

from services.agent.domain.run import StopReason
from services.kit.errors import (
    Aborted,
    AlreadyExists,
    Conflict,
    DeadlineExceeded,
    Internal,
    InvalidArgument,
    MeshError,
    NotFound,
    PaymentRequired,
    PermissionDenied,
    RateLimited,
    Unavailable,
)


class RunNotFound(NotFound):
    reason = "RUN_NOT_FOUND"


class AgentNotFound(NotFound):
    reason = "AGENT_NOT_FOUND"
    default_message = "Agent not found"

    def __init__(self, agent_id: UUID) -> None:
        super().__init__(params={"agent_id": str(agent_id)})


class AgentLimitExceeded(PaymentRequired):
    reason = "AGENT_LIMIT_EXCEEDED"

    def __init__(self, current_count: int, limit: int) -> None:
        text = f"The plan allows {limit} agents beside the default one, and there are {current_count}"
        super().__init__(text, params={"current_count": current_count, "limit": limit})


class IsDefaultAgent(Conflict):
    reason = "DEFAULT_AGENT"
    http_status = 400
    default_message = "The default agent can not be deleted: make another one the default first"

    def __init__(self, agent_id: UUID) -> None:
        super().__init__(params={"agent_id": str(agent_id)})


class NoDefaultAgent(Conflict):
    reason = "NO_DEFAULT_AGENT"
    http_status = 400
    default_message = "There must be a default agent: make another one the default instead"

    def __init__(self, agent_id: UUID) -> None:
        super().__init__(params={"agent_id": str(agent_id)})


class IdempotencyConflict(AlreadyExists):
    reason = "IDEMPOTENCY_CONFLICT"


class ThreadQueueFull(RateLimited):
    reason = "THREAD_QUEUE_FULL"


class QueueFull(RateLimited):
    reason = "QUEUE_FULL"


class ThreadBusy(Conflict):
    reason = "THREAD_BUSY"


class UnknownModel(InvalidArgument):
    reason = "UNKNOWN_MODEL"


class ModelNotConfigured(Conflict):
    reason = "MODEL_NOT_CONFIGURED"


class InvalidCursor(InvalidArgument):
    reason = "INVALID_CURSOR"


class ReadOnlyProject(PermissionDenied):
    reason = "READ_ONLY_PROJECT"


class DeadLetterNotFound(NotFound):
    reason = "DEAD_LETTER_NOT_FOUND"


class NotReplayable(Conflict):
    reason = "NOT_REPLAYABLE"


class PipelineUnhealthy(Unavailable):
    reason = "PIPELINE_UNHEALTHY"


class Fenced(Exception):
    """The run is not this owner's any more: write nothing, stop."""


class StopRequested(Exception):
    """The run was asked to stop: begin nothing."""

    def __init__(self, reason: StopReason) -> None:
        super().__init__(reason)
        self.reason: StopReason = reason


def refusals_of(error: MeshError) -> int | None:
    """How often a delivery may fail so before it is given up; None: being away is no refusal, it is repeated for ever.

    A fault of the receiver (INTERNAL) may pass with its next version, so it is given more time than a plain no.
    """
    if isinstance(error, Unavailable | DeadlineExceeded | Aborted | RateLimited):
        return None
    return 20 if isinstance(error, Internal) else 5
