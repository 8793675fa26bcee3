"""Users' tokens, right and wrong."""

from __future__ import annotations

import time
from typing import Any

import jwt

from tests.integration.gateway.envoy_process import SECRET

USER = "7c9e6679-7425-40de-944b-e07fc1f90ae7"


def token(
    secret: str = SECRET, *, algorithm: str = "HS256", headers: dict[str, Any] | None = None, **claims: Any
) -> str:
    """A token of USER for an hour; a claim given as None is left out."""
    given = {"sub": USER, "exp": int(time.time()) + 3600, **claims}
    kept = {name: value for name, value in given.items() if value is not None}
    return jwt.encode(kept, secret, algorithm=algorithm, headers=headers)


def bearer(**claims: Any) -> dict[str, str]:
    return {"authorization": f"Bearer {token(**claims)}"}
