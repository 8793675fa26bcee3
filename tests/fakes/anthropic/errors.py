"""Anthropic's errors: a status, and a JSON body that names the type. What never got as far as the API has no JSON."""

from __future__ import annotations

from typing import Any

import orjson

from services.agent.llm.errors import ErrorType

_TOLD = "mock-ai was told to fail"

# class -> status, type, message; the way back is services/agent/llm/classify.py
_KINDS: dict[ErrorType, tuple[int, str, str]] = {
    ErrorType.CONTEXT_WINDOW_EXCEEDED: (
        400, "invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum",
    ),
    ErrorType.AUTHENTICATION: (401, "authentication_error", "invalid x-api-key"),
    ErrorType.RATE_LIMIT: (429, "rate_limit_error", "This request would exceed your organization's rate limit"),
    ErrorType.INVALID_REQUEST: (400, "invalid_request_error", _TOLD),
    ErrorType.BUDGET_EXCEEDED: (
        400, "invalid_request_error", "Your credit balance is too low to access the Anthropic API.",
    ),
    ErrorType.SERVICE_UNAVAILABLE: (529, "overloaded_error", "Overloaded"),
    ErrorType.CONTENT_POLICY: (400, "invalid_request_error", "Output blocked by content filtering policy"),
    ErrorType.MODEL_NOT_SUPPORTED: (404, "not_found_error", "model: claude-nope"),
    ErrorType.NOT_FOUND: (404, "not_found_error", _TOLD),
    ErrorType.BAD_REQUEST: (400, "", _TOLD),
    ErrorType.API: (500, "api_error", "Internal server error"),
}  # fmt: skip
_STATUSES = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def error_of(cause: ErrorType | int) -> tuple[int, str, str]:
    """Status, type (empty: not the API's own) and message of a failure."""
    return (cause, _STATUSES.get(cause, ""), _TOLD) if isinstance(cause, int) else _KINDS[cause]


def shape(kind: str, message: str) -> dict[str, Any]:
    """The JSON of an error."""
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}


def refusal(status: int, kind: str, message: str) -> tuple[int, bytes]:
    """A response that says it."""
    return status, orjson.dumps(shape(kind, message)) if kind else f"error code: {status}".encode()
