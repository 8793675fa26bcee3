"""Why a call to tools fails: one class per reason of `mesh.tools.v1.ErrorReason`."""

from __future__ import annotations

from services.kit.errors import AlreadyExists, Conflict, NotFound, PermissionDenied, Unavailable


class StaleEpoch(Conflict):
    """A newer owner of the run has this execution."""

    reason = "STALE_EPOCH"

    def __init__(self, key: str, epoch: int) -> None:
        super().__init__("A newer owner of the run has this execution", params={"key": key, "epoch": str(epoch)})


class ExecutionConflict(AlreadyExists):
    """The same key came with another call."""

    reason = "EXECUTION_CONFLICT"

    def __init__(self, key: str) -> None:
        super().__init__("This key belongs to another call", params={"key": key})


class ExecutionNotFound(NotFound):
    """No execution of that key."""

    reason = "EXECUTION_NOT_FOUND"

    def __init__(self, key: str) -> None:
        super().__init__("No such execution", params={"key": key})


class NotThisRun(PermissionDenied):
    """The token speaks for another account or run than the request."""

    reason = "NOT_THIS_RUN"
    default_message = "The call is for another account or run than its token"


class ExecutionMoved(Unavailable):
    """This process no longer has the execution: ask again, and whoever has it answers."""

    reason = "EXECUTION_MOVED"
    default_message = "The execution goes on elsewhere: attach again"
