"""What is refused before any key is touched: oversized tokens, repeated JSON names, headers that name their own key."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any, TypeGuard

from services.kit.errors import Unauthenticated

MAX_TOKEN_BYTES = 8192
_FORBIDDEN_HEADERS = frozenset({"jku", "x5u", "x5c", "jwk", "crit"})


class InvalidToken(Unauthenticated):
    """A token came and is not to be trusted; which check failed is not told."""

    default_message = "Invalid token"


class ExpiredToken(Unauthenticated):
    """A token came too late."""

    default_message = "Token has expired"


@dataclass(frozen=True, slots=True)
class Unverified:
    """The parts of a token that choose a verifier; nothing here is proven."""

    algorithm: str
    key_id: str | None
    claims: dict[str, Any]


def peek(token: str) -> Unverified:
    """Reads header and claims without trusting them; InvalidToken for what must not reach a verifier."""
    if len(token) > MAX_TOKEN_BYTES or token.count(".") != 2:
        raise InvalidToken
    head, body, _ = token.split(".")
    header, claims = _json_object(head), _json_object(body)
    key_id = header.get("kid")
    if _FORBIDDEN_HEADERS & header.keys() or not isinstance(key_id, str | None):
        raise InvalidToken
    return Unverified(str(header.get("alg")), key_id, claims)


def _json_object(segment: str) -> dict[str, Any]:
    try:
        raw = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
        value = json.loads(raw, object_pairs_hook=_unique)
    except (ValueError, binascii.Error, RecursionError):
        raise InvalidToken from None
    if not isinstance(value, dict):
        raise InvalidToken
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise InvalidToken
    return found


def check_times(claims: dict[str, Any], now: float) -> float:
    """The token's end, in epoch seconds; ExpiredToken, or InvalidToken where it has none or has not begun."""
    ends, begins = claims.get("exp"), claims.get("nbf", 0)
    if not _is_number(ends) or not _is_number(begins) or begins > now:
        raise InvalidToken
    if ends <= now:
        raise ExpiredToken
    return float(ends)


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
