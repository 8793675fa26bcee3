"""What can go wrong between a run and a model, in the words that the frontend and the run loop know.

`ErrorType` is the class of a failure, `UserCode` what a person is told, and `UserFacing` what the person can do then.
Messages are safe to show: bounded, without keys, and without words that belong to the account's own money.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Literal


class ErrorType(StrEnum):
    """The classes of failure that a model call can have."""

    CONTEXT_WINDOW_EXCEEDED = "context_window_exceeded"
    AUTHENTICATION = "authentication_error"
    RATE_LIMIT = "rate_limit_error"
    INVALID_REQUEST = "invalid_request_error"
    BUDGET_EXCEEDED = "budget_exceeded_error"
    SERVICE_UNAVAILABLE = "service_unavailable"
    CONTENT_POLICY = "content_policy_violation"
    MODEL_NOT_SUPPORTED = "model_not_supported"
    NOT_FOUND = "not_found_error"
    BAD_REQUEST = "bad_request"
    API = "api_error"
    LLM = "llm_error"


class UserCode(StrEnum):
    """What a person is told of it."""

    RATE_LIMIT = "RATE_LIMIT"
    MODEL_ACCESS_DENIED = "MODEL_ACCESS_DENIED"
    LLM_OVERLOADED = "LLM_OVERLOADED"
    LLM_TIMEOUT = "LLM_TIMEOUT"
    CONTEXT_TOO_LONG = "CONTEXT_TOO_LONG"
    NETWORK_ERROR = "NETWORK_ERROR"
    INTERNAL_ERROR = "INTERNAL_ERROR"


@dataclass(frozen=True, slots=True)
class Action:
    """Something the person can do; `delay_seconds` only for `retry`."""

    type: Literal["retry", "switch_model", "new_thread", "simplify"]
    label: str
    delay_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class UserFacing:
    """An error as the frontend shows it."""

    code: UserCode
    recoverable: bool
    actions: tuple[Action, ...]


RETRYABLE = frozenset({ErrorType.RATE_LIMIT, ErrorType.SERVICE_UNAVAILABLE, ErrorType.API, ErrorType.LLM})

_CODES = MappingProxyType(
    {
        ErrorType.CONTEXT_WINDOW_EXCEEDED: UserCode.CONTEXT_TOO_LONG,
        ErrorType.AUTHENTICATION: UserCode.MODEL_ACCESS_DENIED,
        ErrorType.RATE_LIMIT: UserCode.RATE_LIMIT,
        ErrorType.BUDGET_EXCEEDED: UserCode.MODEL_ACCESS_DENIED,
        ErrorType.SERVICE_UNAVAILABLE: UserCode.LLM_OVERLOADED,
        ErrorType.MODEL_NOT_SUPPORTED: UserCode.MODEL_ACCESS_DENIED,
        ErrorType.NOT_FOUND: UserCode.MODEL_ACCESS_DENIED,
    }
)

_SWITCH = Action("switch_model", "Use another model")
_SIMPLIFY = Action("simplify", "Ask for less at once")
_NEW_THREAD = Action("new_thread", "Start a new thread")
_RETRY_DELAY = MappingProxyType(
    {UserCode.RATE_LIMIT: 30.0, UserCode.LLM_OVERLOADED: 10.0, UserCode.LLM_TIMEOUT: 5.0, UserCode.NETWORK_ERROR: 5.0}
)
_OTHER_ACTIONS = MappingProxyType(
    {
        UserCode.RATE_LIMIT: (_SWITCH,),
        UserCode.MODEL_ACCESS_DENIED: (_SWITCH,),
        UserCode.LLM_OVERLOADED: (_SWITCH,),
        UserCode.LLM_TIMEOUT: (_SIMPLIFY,),
        UserCode.CONTEXT_TOO_LONG: (_NEW_THREAD, _SIMPLIFY),
        UserCode.NETWORK_ERROR: (),
        UserCode.INTERNAL_ERROR: (_SIMPLIFY,),
    }
)


class ModelError(Exception):
    """A model call that did not end well.

    `retryable`: the same request may succeed later; `retry_after`: the provider's own wish in seconds; `status`: the
    HTTP status it answered with, None where no status came (connection, cut, an error inside the stream).
    """

    def __init__(
        self,
        error_type: ErrorType,
        message: str,
        *,
        retryable: bool | None = None,
        retry_after: float | None = None,
        status: int | None = None,
        code: UserCode | None = None,
    ) -> None:
        super().__init__(message)
        self.error_type = error_type
        self.message = message
        self.retryable = error_type in RETRYABLE if retryable is None else retryable
        self.retry_after = retry_after
        self.status = status
        self.code = code or _CODES.get(error_type, UserCode.INTERNAL_ERROR)

    @property
    def user_facing(self) -> UserFacing:
        """What the person is told, and can do."""
        actions = _OTHER_ACTIONS[self.code]
        if self.retryable:
            delay = self.retry_after or _RETRY_DELAY.get(self.code, 5.0)
            actions = (Action("retry", "Try again", delay), *actions)
        return UserFacing(self.code, bool(actions), actions)


class ModelUnavailableError(ModelError):
    """No adapter can serve the name that was asked for. `variable` is the setting that would change that, if any."""

    def __init__(self, error_type: ErrorType, message: str, *, variable: str | None = None) -> None:
        super().__init__(error_type, message, retryable=False)
        self.variable = variable


def unreachable(reason: str) -> ModelError:
    """The provider could not be connected to."""
    return ModelError(ErrorType.SERVICE_UNAVAILABLE, reason, code=UserCode.NETWORK_ERROR)


def timed_out(reason: str) -> ModelError:
    """The provider was silent for too long, or took too long in all."""
    return ModelError(ErrorType.SERVICE_UNAVAILABLE, reason, code=UserCode.LLM_TIMEOUT)


def cut_off(reason: str) -> ModelError:
    """The answer broke off before the provider said that it was whole."""
    return ModelError(ErrorType.LLM, reason, code=UserCode.NETWORK_ERROR)
