"""Errors as a part of the API: each class knows its gRPC code, its reason and its HTTP status.

A service subclasses these with its own `reason`; storage, use cases and clients raise them, one interceptor turns them
into `google.rpc.Status` and trailing metadata (`to_wire`), and a channel turns a neighbour's answer back (`from_rpc`),
so that what a neighbour refused reaches the caller with its own text, reason and parameters.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2

STATUS_KEY = "x-mesh-status"
BODY_KEY = "x-mesh-error"
RETRY_KEY = "retry-after"
DETAILS_KEY = "grpc-status-details-bin"
_WINDOW = ("limit", "remaining", "reset")

# Trailing metadata shares 8 KiB with everything else on the way, so what an error says is bounded.
_MAX_MESSAGE = 500
_MAX_VIOLATIONS = 20
_MAX_PARAMS_BYTES = 3000

Json = None | bool | int | float | str | list[Any] | dict[str, Any]


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """One wrong field of a request: its path, as in `messages[0].type`, and what is wrong with it."""

    field: str
    description: str


class MeshError(Exception):
    """The base of everything that an RPC may fail with on purpose.

    `message` is shown to the caller as it is. `params` are JSON values that name the things concerned. `reason` and
    `domain` given to an instance replace the class's (an error passed on from a neighbour).
    """

    code: ClassVar[grpc.StatusCode] = grpc.StatusCode.INTERNAL
    http_status: int = 500
    reason: str = "INTERNAL_ERROR"
    domain: str | None = None
    default_message: ClassVar[str] = "Something went wrong on our side"

    def __init__(
        self,
        message: str | None = None,
        *,
        params: Mapping[str, Json] | None = None,
        violations: Sequence[FieldViolation] = (),
        retry_after_s: float | None = None,
        reason: str | None = None,
        domain: str | None = None,
    ) -> None:
        self.message = (message or self.default_message)[:_MAX_MESSAGE]
        super().__init__(self.message)
        self.params: dict[str, Json] = dict(params or {})
        self.violations = tuple(violations[:_MAX_VIOLATIONS])
        self.retry_after_s = retry_after_s
        if reason:
            self.reason = reason
        if domain:
            self.domain = domain


class InvalidArgument(MeshError):
    """The request is wrong; `violations` name the fields."""

    code = grpc.StatusCode.INVALID_ARGUMENT
    http_status = 400
    reason = "INVALID_ARGUMENT"
    default_message = "The request is not valid"

    @classmethod
    def of(cls, field: str, description: str) -> Self:
        """One wrong field."""
        return cls.of_all([FieldViolation(field, description)])

    @classmethod
    def of_all(cls, violations: Sequence[FieldViolation]) -> Self:
        """Several wrong fields; the message names the first."""
        first = violations[0]
        text = f"{first.field}: {first.description}" if first.field else first.description
        return cls(text, violations=violations)


class Unauthenticated(MeshError):
    """Nobody is known by the credentials that came, or none came."""

    code = grpc.StatusCode.UNAUTHENTICATED
    http_status = 401
    reason = "UNAUTHENTICATED"
    default_message = "No valid authentication credentials found"


class PaymentRequired(MeshError):
    """A limit of plan or credit is reached."""

    code = grpc.StatusCode.RESOURCE_EXHAUSTED
    http_status = 402
    reason = "PAYMENT_REQUIRED"
    default_message = "The plan does not allow this"


class PermissionDenied(MeshError):
    """The caller is known and may not do this."""

    code = grpc.StatusCode.PERMISSION_DENIED
    http_status = 403
    reason = "PERMISSION_DENIED"
    default_message = "Not allowed"


class NotFound(MeshError):
    """No such thing, or none that the caller may see."""

    code = grpc.StatusCode.NOT_FOUND
    http_status = 404
    reason = "NOT_FOUND"
    default_message = "Not found"


class AlreadyExists(MeshError):
    """The id is taken by something else."""

    code = grpc.StatusCode.ALREADY_EXISTS
    http_status = 409
    reason = "ALREADY_EXISTS"
    default_message = "Exists already"


class Conflict(MeshError):
    """The thing is not in a state that allows this; repeating does not help."""

    code = grpc.StatusCode.FAILED_PRECONDITION
    http_status = 409
    reason = "CONFLICT"
    default_message = "Not possible in the present state"


class Aborted(MeshError):
    """Somebody else was faster; repeating the whole step may help."""

    code = grpc.StatusCode.ABORTED
    http_status = 409
    reason = "ABORTED"
    default_message = "Changed by somebody else meanwhile"


class RateLimited(MeshError):
    """Too many, too fast. Say with `retry_after_s` when to come back."""

    code = grpc.StatusCode.RESOURCE_EXHAUSTED
    http_status = 429
    reason = "RATE_LIMITED"
    default_message = "Too many requests"


class Internal(MeshError):
    """A fault of ours; the text is fixed, the cause is in the log."""


class Unimplemented(MeshError):
    """The peer does not know this call."""

    code = grpc.StatusCode.UNIMPLEMENTED
    http_status = 501
    reason = "UNIMPLEMENTED"
    default_message = "Not offered here"


class Unavailable(MeshError):
    """Something needed is away for now."""

    code = grpc.StatusCode.UNAVAILABLE
    http_status = 503
    reason = "UNAVAILABLE"
    default_message = "Temporarily unavailable"

    def __init__(self, message: str | None = None, *, retry_after_s: float | None = 1.0, **rest: Any) -> None:
        super().__init__(message, retry_after_s=retry_after_s, **rest)


class DeadlineExceeded(MeshError):
    """It took longer than the caller or the policy allows."""

    code = grpc.StatusCode.DEADLINE_EXCEEDED
    http_status = 504
    reason = "DEADLINE_EXCEEDED"
    default_message = "Took too long"


def rest_body(error: MeshError, request_id: str) -> str:
    """The JSON body of the REST surface, in ASCII; every param stands in `params` and in `detail` itself."""
    params = _bounded_params(error)
    detail = {
        **params,
        "message": error.message,
        "code": error.reason.lower(),
        "error_code": error.reason,
        "params": params,
        "request_id": request_id,
    }
    return json.dumps({"detail": detail}, separators=(",", ":"))


def to_wire(error: MeshError, *, domain: str, request_id: str) -> tuple[tuple[str, str | bytes], ...]:
    """The trailing metadata of a failed RPC."""
    trailers: list[tuple[str, str | bytes]] = [
        (STATUS_KEY, str(error.http_status)),
        (BODY_KEY, rest_body(error, request_id)),
        (DETAILS_KEY, _status(error, domain, request_id).SerializeToString()),
    ]
    if error.retry_after_s is not None:
        trailers.append((RETRY_KEY, str(max(1, math.ceil(error.retry_after_s)))))
    if isinstance(error, RateLimited):
        trailers += _window(error)
    return tuple(trailers)


def _window(error: RateLimited) -> list[tuple[str, str | bytes]]:
    """Of a limit that says what is left of it: how much, and seconds until there is more."""
    if "limit" not in error.params or "remaining" not in error.params or error.retry_after_s is None:
        return []
    figures = error.params["limit"], error.params["remaining"], math.ceil(error.retry_after_s)
    return [(f"x-ratelimit-{name}", str(value)) for name, value in zip(_WINDOW, figures, strict=True)]


def _bounded_params(error: MeshError) -> dict[str, Json]:
    params = dict(error.params)
    if error.violations:
        params["violations"] = [{"field": v.field, "description": v.description} for v in error.violations]
    if len(json.dumps(params, default=str)) > _MAX_PARAMS_BYTES:
        return {"truncated": True}
    return params


def _status(error: MeshError, domain: str, request_id: str) -> status_pb2.Status:
    status = status_pb2.Status(code=error.code.value[0], message=error.message)
    details = [_error_info(error, domain), error_details_pb2.RequestInfo(request_id=request_id)]
    if error.violations:
        fields = [
            error_details_pb2.BadRequest.FieldViolation(field=v.field, description=v.description)
            for v in error.violations
        ]
        details.append(error_details_pb2.BadRequest(field_violations=fields))
    if isinstance(error, PaymentRequired):
        violation = error_details_pb2.QuotaFailure.Violation(subject=error.reason, description=error.message)
        details.append(error_details_pb2.QuotaFailure(violations=[violation]))
    if isinstance(error, Conflict):
        unmet = error_details_pb2.PreconditionFailure.Violation(type=error.reason, description=error.message)
        details.append(error_details_pb2.PreconditionFailure(violations=[unmet]))
    if error.retry_after_s is not None:
        delay = duration_pb2.Duration()
        delay.FromMilliseconds(int(error.retry_after_s * 1000))
        details.append(error_details_pb2.RetryInfo(retry_delay=delay))
    for detail in details:
        packed = any_pb2.Any()
        packed.Pack(detail)
        status.details.append(packed)
    return status


def _error_info(error: MeshError, domain: str) -> error_details_pb2.ErrorInfo:
    metadata = {key: value if isinstance(value, str) else json.dumps(value) for key, value in error.params.items()}
    if sum(len(k) + len(v) for k, v in metadata.items()) > _MAX_PARAMS_BYTES:
        metadata = {}
    return error_details_pb2.ErrorInfo(reason=error.reason, domain=error.domain or domain, metadata=metadata)


_CLASSES: tuple[type[MeshError], ...] = (
    InvalidArgument,
    Unauthenticated,
    PaymentRequired,
    PermissionDenied,
    NotFound,
    AlreadyExists,
    Conflict,
    Aborted,
    RateLimited,
    Internal,
    Unimplemented,
    Unavailable,
    DeadlineExceeded,
)
_BY_STATUS = {cls.http_status: cls for cls in _CLASSES if cls.http_status != 409}
_BY_CODE = {cls.code: cls for cls in _CLASSES if cls is not PaymentRequired}
# A call that its caller ends raises CancelledError: this one was ended by a neighbour that is shutting down.
_BY_CODE[grpc.StatusCode.CANCELLED] = Unavailable


def from_rpc(failed: grpc.aio.AioRpcError) -> MeshError:
    """The MeshError that a neighbour raised, with its own text, reason, domain and params.

    A failure that is not one of ours (the peer is away, the deadline passed) becomes the class of its code, with a
    fixed text: what gRPC itself says names addresses.
    """
    trailers: dict[str, str | bytes] = dict(failed.trailing_metadata() or ())  # type: ignore[arg-type]
    cls = _BY_CODE.get(failed.code(), Internal)
    body, packed = trailers.get(BODY_KEY), trailers.get(DETAILS_KEY)
    if not isinstance(body, str) or not isinstance(packed, bytes):
        return cls()
    if cls.code is not grpc.StatusCode.ABORTED and cls.code is not grpc.StatusCode.FAILED_PRECONDITION:
        cls = _BY_STATUS.get(int(str(trailers.get(STATUS_KEY, "0"))), cls)
    detail = json.loads(body)["detail"]
    params = detail["params"]
    violations = [FieldViolation(v["field"], v["description"]) for v in params.pop("violations", ())]
    retry = trailers.get(RETRY_KEY)
    error = cls(
        detail["message"],
        params=params,
        violations=violations,
        retry_after_s=float(str(retry)) if retry else None,
        reason=detail["error_code"],
        domain=_domain(packed),
    )
    error.http_status = int(str(trailers.get(STATUS_KEY, cls.http_status)))
    return error


def _domain(packed: bytes) -> str | None:
    status = status_pb2.Status.FromString(packed)
    info = error_details_pb2.ErrorInfo()
    for detail in status.details:
        if detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR):
            detail.Unpack(info)
            return str(info.domain)
    return None
