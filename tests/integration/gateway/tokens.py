"""Users' tokens, right and wrong."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any

from tests.support.harness import ACCOUNTS, JWT_SECRET

USER = ACCOUNTS["user"]


def token(
    secret: str | bytes = JWT_SECRET, *, header: dict[str, Any] | None = None, raw_claims: str = "", **claims: Any
) -> str:
    """A token of USER for an hour, signed with HS256 whatever its header says; a claim given as None is left out."""
    given = {"sub": USER, "exp": int(time.time()) + 3600, **claims}
    kept = {name: value for name, value in given.items() if value is not None}
    head = _segment(json.dumps({"alg": "HS256", "typ": "JWT", **(header or {})}))
    body = _segment(raw_claims or json.dumps(kept))
    key = secret.encode() if isinstance(secret, str) else secret
    signature = hmac.new(key, f"{head}.{body}".encode(), hashlib.sha256).digest()
    return f"{head}.{body}.{_encoded(signature)}"


def bearer(**options: Any) -> dict[str, str]:
    """An authorization header."""
    return {"authorization": f"Bearer {token(**options)}"}


def _segment(text: str) -> str:
    return _encoded(text.encode())


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
