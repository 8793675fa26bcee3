"""One error body, whoever refuses: here for what Envoy itself refuses.

A REST caller gets `{"detail": {...}}`; a gRPC caller gets a status, and the same body in `x-mesh-error` as from our
services. What a service refuses comes ready from the service and is put in place by `lua/errors.lua`.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace

from services.gateway.config import Settings
from services.gateway.envoy.typed import Json, extension

REQUEST_ID = "%REQ(X-REQUEST-ID)%"
_ANY_ID = "%UNIQUE_ID%"
_SAID = "%LOCAL_REPLY_BODY%"
_WHEN_FILLED = "filled"
_CEL = "envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter"
API_KEYS = "api keys"
NOTHING_HERE = "nothing here"


@dataclass(frozen=True, slots=True)
class Refusal:
    """How a status is told. `when` is a CEL condition beside it, `told` another status; `retry_after` in seconds."""

    status: int
    code: str
    message: str
    when: str = ""
    retry_after: str = ""
    told: int = 0


REFUSALS = (
    Refusal(400, "INVALID_ARGUMENT", _SAID, when='response.code_details.startsWith("grpc_json_transcode")'),
    Refusal(401, "UNAUTHENTICATED", "Token has expired", when='response.code_details.contains("expired")'),
    Refusal(401, "API_KEYS_NOT_ENABLED", "API keys are not enabled here", when=f"xds.route_name == '{API_KEYS}'"),
    Refusal(401, "UNAUTHENTICATED", "Invalid token", when='!response.code_details.contains("missing")'),
    Refusal(401, "UNAUTHENTICATED", "No valid authentication credentials found"),
    Refusal(403, "PERMISSION_DENIED", "Not allowed"),
    Refusal(404, "NOT_FOUND", "Not found"),
    Refusal(503, "NOT_FOUND", "Not found", when=f"xds.route_name == '{NOTHING_HERE}'", told=404),
    Refusal(408, "REQUEST_TIMEOUT", "The request was not sent in time"),
    Refusal(413, "REQUEST_TOO_LARGE", "The request body is too large"),
    Refusal(429, "RATE_LIMITED", "Too many requests", retry_after=_WHEN_FILLED),
    Refusal(431, "HEADERS_TOO_LARGE", "The request's headers are too large"),
    Refusal(501, "UNIMPLEMENTED", "Not offered here"),
    Refusal(503, "UNAVAILABLE", "Temporarily unavailable", retry_after="1"),
    Refusal(504, "DEADLINE_EXCEEDED", "Took too long"),
)
_MALFORMED = Refusal(400, "INVALID_ARGUMENT", "The request is not valid")
_EARLY = (400, 431, 501)


def local_replies(settings: Settings) -> Json:
    """Envoy's own answers in the one shape."""
    # Until the bucket has its next token; the filter's own headers come too late to be repeated here.
    wait = str(math.ceil(60 / settings.mesh_rate_per_minute))
    told = [replace(refusal, retry_after=refusal.retry_after.replace(_WHEN_FILLED, wait)) for refusal in REFUSALS]
    early = [_early(refusal) for refusal in (_MALFORMED, *told) if refusal.status in _EARLY and not refusal.when]
    mappers = [*early, *(mapper for refusal in told for mapper in _mappers(refusal))]
    return {"mappers": mappers, "body_format": _rest_format(_MALFORMED)}


def _mappers(refusal: Refusal) -> list[Json]:
    conditions = [_status_is(refusal.status)]
    if refusal.when:
        conditions.append({"extension_filter": extension("cel", _CEL, expression=refusal.when)})
    changed: Json = {"status_code": refusal.told} if refusal.told else {}
    return [{**_grpc(refusal, [*conditions, *_IS_GRPC]), **changed}, {**_rest(refusal, conditions), **changed}]


# A transcoded request looks like gRPC once it is past the transcoder, which notes what it was.
_IS_GRPC: list[Json] = [
    {"header_filter": {"header": {"name": "content-type", "string_match": {"prefix": "application/grpc"}}}},
    {"header_filter": {"header": {"name": "x-envoy-original-method", "present_match": False}}},
]


def _early(refusal: Refusal) -> Json:
    """For what is refused before the request was read far enough to have an id."""
    nameless = {"header_filter": {"header": {"name": "x-request-id", "present_match": True, "invert_match": True}}}
    return {
        "filter": _all_of([_status_is(refusal.status), nameless]),
        "body_format_override": _rest_format(refusal, _ANY_ID),
    }


def _grpc(refusal: Refusal, conditions: list[Json]) -> Json:
    body = json.dumps(_body(refusal), separators=(",", ":"))
    return {
        "filter": _all_of(conditions),
        "body_format_override": {"text_format_source": {"inline_string": refusal.message}},
        "headers_to_add": [
            _header("x-mesh-status", str(refusal.told or refusal.status)),
            _header("x-mesh-error", body),
            *_extra_headers(refusal),
        ],
    }


def _rest(refusal: Refusal, conditions: list[Json]) -> Json:
    return {
        "filter": _all_of(conditions),
        "body_format_override": _rest_format(refusal),
        "headers_to_add": _extra_headers(refusal),
    }


def _extra_headers(refusal: Refusal) -> list[Json]:
    headers = []
    if refusal.status == 401:
        # Envoy's own value repeats the URL.
        headers.append(_header("www-authenticate", "Bearer"))
    if refusal.retry_after:
        headers.append(_header("retry-after", refusal.retry_after))
    return headers


def _body(refusal: Refusal, request_id: str = REQUEST_ID) -> Json:
    code = refusal.code
    detail = {"message": refusal.message, "code": code.lower(), "error_code": code, "params": {}}
    return {"detail": {**detail, "request_id": request_id}}


def _rest_format(refusal: Refusal, request_id: str = REQUEST_ID) -> Json:
    return {"json_format": _body(refusal, request_id), "content_type": "application/json"}


def _status_is(status: int) -> Json:
    value = {"default_value": status, "runtime_key": f"local_reply_{status}"}
    return {"status_code_filter": {"comparison": {"op": "EQ", "value": value}}}


def _all_of(conditions: list[Json]) -> Json:
    return conditions[0] if len(conditions) == 1 else {"and_filter": {"filters": conditions}}


def _header(name: str, value: str) -> Json:
    return {"header": {"key": name, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
