"""What the sandbox's refusals mean to a model."""

from __future__ import annotations

from services.kit.errors import DeadlineExceeded, Internal, MeshError, Unavailable
from services.tools.domain.tools import Outcome, ToolResult, failed

FILE_NOT_FOUND = "FILE_NOT_FOUND"
WRONG_FILE_TYPE = "WRONG_FILE_TYPE"
ISOLATION_UNAVAILABLE = "ISOLATION_UNAVAILABLE"


def refusal(error: MeshError, path: str, advice: str = "") -> ToolResult:
    """The result of a change of `path` that ended with `error`; `advice` helps where the file is not there."""
    if error.reason == FILE_NOT_FOUND:
        return failed(f"There is no file '{path}'.{advice}")
    unanswered = isinstance(error, Unavailable | DeadlineExceeded | Internal)
    if unanswered and error.reason != ISOLATION_UNAVAILABLE:
        text = f"{error.message}. '{path}' may or may not have been changed: look at it before you go on"
        return ToolResult(Outcome.UNKNOWN, None, text)
    return failed(error.message)
