"""How the agent fails: typed, each with its code and reason (mesh.agent.v1.ErrorReason)."""

from __future__ import annotations

from services.kit.errors import AlreadyExists, Conflict, InvalidArgument, NotFound, PermissionDenied, RateLimited


class RunNotFound(NotFound):
    reason = "RUN_NOT_FOUND"


class AgentNotFound(NotFound):
    reason = "AGENT_NOT_FOUND"


class IdempotencyConflict(AlreadyExists):
    reason = "IDEMPOTENCY_CONFLICT"


class ThreadQueueFull(RateLimited):
    reason = "THREAD_QUEUE_FULL"


class UnknownModel(InvalidArgument):
    reason = "UNKNOWN_MODEL"


class ModelNotConfigured(Conflict):
    reason = "MODEL_NOT_CONFIGURED"


class InvalidCursor(InvalidArgument):
    reason = "INVALID_CURSOR"


class ReadOnlyProject(PermissionDenied):
    reason = "READ_ONLY_PROJECT"


class Fenced(Exception):
    """The run is not this owner's any more: write nothing, stop."""


class StopRequested(Exception):
    """The run was asked to stop: begin nothing."""
