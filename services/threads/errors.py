"""What a call to threads can fail with; the reasons are those of `error_reason.proto`."""

from __future__ import annotations

from services.kit.errors import AlreadyExists, NotFound, PaymentRequired, PermissionDenied


class ThreadNotFound(NotFound):
    """No such thread, or none that the caller may see."""

    reason = "THREAD_NOT_FOUND"
    default_message = "Thread not found"

    def __init__(self, thread_id: str) -> None:
        super().__init__(params={"thread_id": thread_id})


class ProjectNotFound(NotFound):
    """No such project, or none that the caller may see."""

    reason = "PROJECT_NOT_FOUND"
    default_message = "Project not found"

    def __init__(self, project_id: str) -> None:
        super().__init__(params={"project_id": project_id})


class ReadOnlyProject(PermissionDenied):
    """The caller may read this public project, not write to it."""

    reason = "READ_ONLY_PROJECT"
    default_message = "This project is shared for reading only"

    def __init__(self, project_id: str) -> None:
        super().__init__(params={"project_id": project_id})


class ThreadLimitExceeded(PaymentRequired):
    """The plan's number of threads is reached."""

    reason = "THREAD_LIMIT_EXCEEDED"

    def __init__(self, current_count: int, limit: int) -> None:
        text = f"The plan allows {limit} threads, and there are {current_count}"
        super().__init__(text, params={"current_count": current_count, "limit": limit})


class ProjectLimitExceeded(PaymentRequired):
    """The plan's number of projects is reached."""

    reason = "PROJECT_LIMIT_EXCEEDED"

    def __init__(self, current_count: int, limit: int) -> None:
        text = f"The plan allows {limit} projects, and there are {current_count}"
        super().__init__(text, params={"current_count": current_count, "limit": limit})


class MessageConflict(AlreadyExists):
    """The same message id came with another body, or belongs to another thread."""

    reason = "MESSAGE_CONFLICT"
    default_message = "A message with this id exists and says something else"

    def __init__(self, message_id: str) -> None:
        super().__init__(params={"message_id": message_id})
