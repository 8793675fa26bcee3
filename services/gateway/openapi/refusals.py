"""How a call is refused: by Envoy before anybody is asked, and by those who are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from services.gateway.envoy.replies import REFUSALS
from services.gateway.envoy.surface import Rpc
from services.gateway.openapi.contract import Reason
from services.gateway.openapi.rules import Json

_EVERYWHERE = (401, 431, 503, 504)
_OF_A_BODY = (408, 413)
_TEXTS = {refusal.status: refusal.message for refusal in reversed(REFUSALS) if not refusal.told}
_TEXTS[400] = "The request is not valid"
_TITLES = {
    402: "The plan or the credits do not allow this",
    409: "Not possible in the present state",
    501: "Not offered here",
    507: "There is no room",
}
_SECONDS: Json = {"type": "integer", "minimum": 1}
HEADERS: Json = {
    "RequestId": {"description": "Names this call in our logs.", "schema": {"type": "string"}},
    "RetryAfter": {"description": "Seconds after which it may be tried again.", "schema": _SECONDS},
    "Challenge": {"description": "How to say who you are.", "schema": {"type": "string", "const": "Bearer"}},
    "RateLimit": {"description": "Requests that the tightest window allows.", "schema": {"type": "string"}},
    "RateRemaining": {"description": "Requests that are left in it.", "schema": {"type": "integer"}},
    "RateReset": {"description": "Seconds until there are more.", "schema": {"type": "integer"}},
}
_OF_STATUS = {
    401: {"WWW-Authenticate": "Challenge"},
    429: {
        "Retry-After": "RetryAfter",
        "X-RateLimit-Limit": "RateLimit",
        "X-RateLimit-Remaining": "RateRemaining",
        "X-RateLimit-Reset": "RateReset",
    },
    503: {"Retry-After": "RetryAfter"},
}
ERROR: Json = {
    "type": "object",
    "description": "Every refusal has this shape, whoever refuses.",
    "properties": {
        "detail": {
            "type": "object",
            "description": "What `params` holds stands here as well.",
            "properties": {
                "message": {"type": "string", "description": "For people."},
                "code": {"type": "string", "description": "`error_code` in lower case."},
                "error_code": {"type": "string", "pattern": "^[A-Z][A-Z0-9_]*$", "description": "For programs."},
                "params": {"type": "object", "description": "The things concerned, by name."},
                "request_id": {"type": "string"},
            },
            "required": ["message", "code", "error_code", "params", "request_id"],
        }
    },
    "required": ["detail"],
}


def refusals(rpc: Rpc, reasons: Iterable[Reason], *, body: bool, input_: bool, place: bool) -> Json:
    """Responses by status. `body`, `input_`, `place`: it takes a body, anything at all, something in its path."""
    by_status: dict[int, list[Reason]] = defaultdict(list)
    for reason in reasons:
        by_status[reason.status].append(reason)
    expected = {*_EVERYWHERE, *(_OF_A_BODY if body else ()), *by_status}
    if input_:
        expected.add(400)
    if place:
        expected.add(404)
    if rpc.rule.role:
        expected.add(403)
    if rpc.rule.rate != "none":
        expected.add(429)
    return {str(status): _refusal(status, by_status[status]) for status in sorted(expected)}


def headers(**more: str) -> Json:
    """References to headers of an answer, by name; the request id is always there."""
    named = {"X-Request-Id": "RequestId", **more}
    return {name: {"$ref": f"#/components/headers/{header}"} for name, header in named.items()}


def _refusal(status: int, reasons: list[Reason]) -> Json:
    title = _TEXTS.get(status) or _TITLES.get(status) or "Refused"
    lines = [f"- `{reason.name}`: {reason.meaning}" for reason in sorted(reasons, key=lambda reason: reason.name)]
    return {
        "description": "\n".join([f"{title.rstrip('.')}.", *([""] if lines else []), *lines]),
        "headers": headers(**_OF_STATUS.get(status, {})),
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
    }
