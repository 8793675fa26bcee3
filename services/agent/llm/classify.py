"""From what a provider answered to the class of the failure.

Providers agree on HTTP statuses and on little else. So: an unmistakable code first, then telling phrases, then the
status, then the vague codes. The same rules read an error body and an error inside a stream.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import orjson

from services.agent.llm.errors import ErrorType, ModelError, UserCode

_MAX_TEXT = 400
_SECRETS = re.compile(r"(?i)\b(?:bearer\s+\S+|(?:sk|pk|rk|key|api)[-_][\w*.-]{6,})")
# The frontend takes these words for the account's own money.
_MONEY = re.compile(r"(?i)credit|balance|billing")

_CLEAR_CODES = MappingProxyType(
    {
        "context_length_exceeded": ErrorType.CONTEXT_WINDOW_EXCEEDED,
        "string_above_max_length": ErrorType.CONTEXT_WINDOW_EXCEEDED,
        "rate_limit_exceeded": ErrorType.RATE_LIMIT,
        "rate_limit_error": ErrorType.RATE_LIMIT,
        "insufficient_quota": ErrorType.BUDGET_EXCEEDED,
        "billing_hard_limit_reached": ErrorType.BUDGET_EXCEEDED,
        "invalid_api_key": ErrorType.AUTHENTICATION,
        "authentication_error": ErrorType.AUTHENTICATION,
        "permission_error": ErrorType.AUTHENTICATION,
        "billing_error": ErrorType.BUDGET_EXCEEDED,
        "model_not_found": ErrorType.MODEL_NOT_SUPPORTED,
        "model_not_supported": ErrorType.MODEL_NOT_SUPPORTED,
        "content_policy_violation": ErrorType.CONTENT_POLICY,
        "content_filter": ErrorType.CONTENT_POLICY,
        "request_too_large": ErrorType.CONTEXT_WINDOW_EXCEEDED,
        "timeout_error": ErrorType.SERVICE_UNAVAILABLE,
        "overloaded_error": ErrorType.SERVICE_UNAVAILABLE,
        "service_unavailable": ErrorType.SERVICE_UNAVAILABLE,
    }
)
_VAGUE_CODES = MappingProxyType(
    {
        "invalid_request_error": ErrorType.INVALID_REQUEST,
        "not_found_error": ErrorType.NOT_FOUND,
        "bad_request": ErrorType.BAD_REQUEST,
        "api_error": ErrorType.API,
        "server_error": ErrorType.API,
        "internal_server_error": ErrorType.API,
    }
)
_PHRASES = (
    (
        re.compile(
            r"(?i)context (?:length|window|size)|maximum (?:context|prompt) length|prompt is too long|"
            r"input is too long|too many (?:input )?tokens|"
            r"exceeds? the (?:model'?s? (?:max|context)|maximum number of tokens)"
        ),
        ErrorType.CONTEXT_WINDOW_EXCEEDED,
    ),
    (
        re.compile(r"(?i)content (?:management |filtering )?policy|safety system|moderation|flagged"),
        ErrorType.CONTENT_POLICY,
    ),
    (re.compile(r"(?i)credit balance is too low"), ErrorType.BUDGET_EXCEEDED),
    (re.compile(r"(?i)api key not valid"), ErrorType.AUTHENTICATION),
    (
        re.compile(
            r"(?i)^model: \S+$|\bmodel\b.{0,120}(?:not exist|not found|not supported|not a valid)|unknown model"
        ),
        ErrorType.MODEL_NOT_SUPPORTED,
    ),
    (re.compile(r"(?i)overloaded|at capacity"), ErrorType.SERVICE_UNAVAILABLE),
)
_PHRASED_STATUSES = frozenset({None, 400, 403, 404, 413, 422, 500})
_STATUSES = MappingProxyType(
    {
        401: ErrorType.AUTHENTICATION,
        402: ErrorType.BUDGET_EXCEEDED,
        403: ErrorType.AUTHENTICATION,
        404: ErrorType.NOT_FOUND,
        408: ErrorType.SERVICE_UNAVAILABLE,
        413: ErrorType.CONTEXT_WINDOW_EXCEEDED,
        422: ErrorType.INVALID_REQUEST,
        429: ErrorType.RATE_LIMIT,
        502: ErrorType.SERVICE_UNAVAILABLE,
        503: ErrorType.SERVICE_UNAVAILABLE,
        504: ErrorType.SERVICE_UNAVAILABLE,
        529: ErrorType.SERVICE_UNAVAILABLE,
    }
)
_TIMEOUT_STATUSES = frozenset({408, 504})
_SENTENCES = MappingProxyType(
    {
        ErrorType.CONTEXT_WINDOW_EXCEEDED: "The conversation is longer than the model can read",
        ErrorType.AUTHENTICATION: "The model provider did not accept the configured key",
        ErrorType.RATE_LIMIT: "The model provider asks to slow down",
        ErrorType.INVALID_REQUEST: "The model provider did not understand the request",
        ErrorType.BUDGET_EXCEEDED: "The quota at the model provider is used up",
        ErrorType.SERVICE_UNAVAILABLE: "The model provider is not available at the moment",
        ErrorType.CONTENT_POLICY: "The model provider refused the content",
        ErrorType.MODEL_NOT_SUPPORTED: "The model provider does not know this model",
        ErrorType.NOT_FOUND: "The model provider does not know this address",
        ErrorType.BAD_REQUEST: "The model provider refused the request",
        ErrorType.API: "The model provider had an error",
        ErrorType.LLM: "The model's answer could not be read",
    }
)
# What a provider says here names keys and accounts.
_NEVER_QUOTED = frozenset({ErrorType.AUTHENTICATION, ErrorType.BUDGET_EXCEEDED})


@dataclass(frozen=True, slots=True)
class ProviderError:
    """What a provider said went wrong, empty where it did not say."""

    text: str = ""
    code: str = ""
    type: str = ""
    parameter: str = ""


def read_error(payload: Any) -> ProviderError | None:
    """The error in a decoded body or chunk, in any of the shapes in use; None when there is none."""
    if not isinstance(payload, Mapping):
        return None
    error = payload.get("error")
    if isinstance(error, str):
        return ProviderError(error)
    if isinstance(error, Mapping):
        return _from_mapping(error)
    if payload.get("object") == "error" or ("choices" not in payload and ("message" in payload or "detail" in payload)):
        return _from_mapping(payload)
    return None


def read_body(body: bytes) -> ProviderError:
    """The error in the body of a refused request; a body that is no JSON is its own text."""
    try:
        payload = orjson.loads(body)
    except orjson.JSONDecodeError:
        text = body.decode("utf-8", "replace").strip()
        return ProviderError("" if text.startswith("<") else text)
    return read_error(payload) or ProviderError()


def classify(said: ProviderError, status: int | None = None, retry_after: float | None = None) -> ModelError:
    """The error for what was said, with `status` None where it was said inside a stream."""
    inner = int(said.code) if status is None and re.fullmatch(r"[45]\d\d", said.code) else status
    kind = _kind(said, inner)
    code = UserCode.LLM_TIMEOUT if inner in _TIMEOUT_STATUSES else None
    return ModelError(kind, _message(kind, said.text), retry_after=retry_after, status=status, code=code)


def of_type(kind: ErrorType, text: str = "", status: int | None = None) -> ModelError:
    """The error of a class, in the words that the class is told in."""
    return ModelError(kind, _message(kind, text), status=status)


def _from_mapping(error: Mapping[str, Any]) -> ProviderError:
    text = error.get("message") or error.get("detail") or ""
    text = text if isinstance(text, str) else orjson.dumps(text).decode()
    code, kind, parameter = (str(error.get(field) or "") for field in ("code", "type", "param"))
    return ProviderError(text, code, kind, parameter)


def _kind(said: ProviderError, status: int | None) -> ErrorType:
    for code in (said.code, said.type):
        if code in _CLEAR_CODES:
            return _CLEAR_CODES[code]
    if status in _PHRASED_STATUSES:
        for phrase, kind in _PHRASES:
            if phrase.search(said.text):
                return kind
    return _STATUSES.get(status or 0) or _vague_kind(said, status)


def _vague_kind(said: ProviderError, status: int | None) -> ErrorType:
    for code in (said.code, said.type):
        if code in _VAGUE_CODES:
            return _VAGUE_CODES[code]
    return ErrorType.BAD_REQUEST if status is not None and 400 <= status < 500 else ErrorType.API


def _message(kind: ErrorType, text: str) -> str:
    text = " ".join(_SECRETS.sub("[key]", text[: 4 * _MAX_TEXT]).split())[:_MAX_TEXT]
    if not text or kind in _NEVER_QUOTED or _MONEY.search(text):
        return f"{_SENTENCES[kind]}."
    return f"{_SENTENCES[kind]}: {text}"
