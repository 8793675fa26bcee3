"""Providers' words become our classes, and nothing that should not be told is."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from services.agent.llm.classify import ProviderError, classify, read_body
from services.agent.llm.errors import ErrorType, ModelUnavailableError, UserCode, cut_off, timed_out, unreachable


def _openai(message: str, code: str | int | None = None, kind: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, _openai("This model's maximum context length is 8192 tokens"), ErrorType.CONTEXT_WINDOW_EXCEEDED),
        (400, _openai("x", "context_length_exceeded"), ErrorType.CONTEXT_WINDOW_EXCEEDED),
        (400, _openai("prompt is too long: 210000 tokens > 200000 maximum"), ErrorType.CONTEXT_WINDOW_EXCEEDED),
        (413, _openai("Request too large"), ErrorType.CONTEXT_WINDOW_EXCEEDED),
        (400, _openai("x", "content_filter"), ErrorType.CONTENT_POLICY),
        (403, _openai("Your chosen model requires moderation and your input was flagged"), ErrorType.CONTENT_POLICY),
        (400, _openai("Invalid value for 'messages'", None, "invalid_request_error"), ErrorType.INVALID_REQUEST),
        (422, {"detail": [{"loc": ["body", "x"], "msg": "field required"}]}, ErrorType.INVALID_REQUEST),
        (400, {"error": "no"}, ErrorType.BAD_REQUEST),
        (401, _openai("No", "invalid_api_key", "invalid_request_error"), ErrorType.AUTHENTICATION),
        (403, _openai("Country not supported"), ErrorType.AUTHENTICATION),
        (402, _openai("Insufficient credits"), ErrorType.BUDGET_EXCEEDED),
        (429, _openai("You exceeded your current quota", "insufficient_quota"), ErrorType.BUDGET_EXCEEDED),
        (429, _openai("Rate limit reached"), ErrorType.RATE_LIMIT),
        (
            404,
            _openai("The model `x` does not exist or you do not have access", "model_not_found"),
            "model_not_supported",
        ),
        (404, {"error": "model 'x' not found, try pulling it first"}, ErrorType.MODEL_NOT_SUPPORTED),
        (404, {"detail": "Not Found"}, ErrorType.NOT_FOUND),
        (500, _openai("The server had an error", None, "server_error"), ErrorType.API),
        (500, _openai("Overloaded", None, "api_error"), ErrorType.SERVICE_UNAVAILABLE),
        (529, _openai("Overloaded", None, "overloaded_error"), ErrorType.SERVICE_UNAVAILABLE),
        (503, b"<html><h1>503</h1></html>", ErrorType.SERVICE_UNAVAILABLE),
        (502, b"", ErrorType.SERVICE_UNAVAILABLE),
        (418, b"teapot", ErrorType.BAD_REQUEST),
        (599, b"[1]", ErrorType.API),
    ],
)
def test_refusal_has_the_class_of_what_was_said(status: int, body: Any, kind: str) -> None:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)

    error = classify(read_body(raw), status)

    assert error.error_type == kind
    assert error.status == status
    assert error.message


@pytest.mark.parametrize("kind", ErrorType)
def test_only_what_may_pass_by_itself_is_retryable(kind: ErrorType) -> None:
    retryable = {ErrorType.RATE_LIMIT, ErrorType.SERVICE_UNAVAILABLE, ErrorType.API, ErrorType.LLM}

    assert ModelUnavailableError(kind, "x").retryable is False
    assert _of(kind).retryable == (kind in retryable)


@pytest.mark.parametrize("kind", ErrorType)
def test_person_can_try_again_exactly_where_it_is_retryable(kind: ErrorType) -> None:
    facing = _of(kind).user_facing

    assert ("retry" in [action.type for action in facing.actions]) == _of(kind).retryable
    assert facing.recoverable == bool(facing.actions)


def _of(kind: ErrorType) -> Any:
    from services.agent.llm.classify import of_type

    return of_type(kind)


def test_wish_of_the_provider_is_the_delay_of_the_retry() -> None:
    (retry, *_) = classify(ProviderError("slow down"), 429, 12.0).user_facing.actions

    assert (retry.type, retry.delay_seconds) == ("retry", 12.0)


def test_connection_troubles_have_codes_of_their_own() -> None:
    assert unreachable("x").code == UserCode.NETWORK_ERROR
    assert cut_off("x").code == UserCode.NETWORK_ERROR
    assert timed_out("x").code == UserCode.LLM_TIMEOUT
    assert classify(ProviderError(), 504).code == UserCode.LLM_TIMEOUT


@pytest.mark.parametrize(
    "text",
    [
        "Incorrect API key provided: sk-proj-abcdefghijk",
        "bad header 'Authorization: Bearer abcdef-token-123'",
        "key-0123456789 was not accepted",
    ],
)
def test_keys_are_never_repeated(text: str) -> None:
    message = classify(ProviderError(text), 400).message

    assert not any(secret in message for secret in ("abcdef", "0123456789"))


@pytest.mark.parametrize("text", ["Add Credits at example.com", "your balance is 0", "see billing"])
@pytest.mark.parametrize("status", [402, 429, 400, 500])
def test_providers_money_is_not_taken_for_the_accounts(text: str, status: int) -> None:
    message = classify(ProviderError(text), status).message.lower()

    assert not any(word in message for word in ("credit", "balance", "billing"))


def test_long_and_many_lined_text_becomes_one_short_line() -> None:
    message = classify(ProviderError("a\n" * 5000), 400).message

    assert len(message) < 500
    assert "\n" not in message
