"""The JWT of a user, as the identity provider signs it: HS256 with the shared secret, or ES256/RS256 by its JWKS.

`sub` is the user and the account. `aud` is not verified (providers set it to a constant), `exp` must be there, `iss`
must be the provider's where one is configured. No role is ever read from claims.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

import jwt

from services.kit.auth.jwks import Jwks
from services.kit.auth.parsing import InvalidToken, Unverified, check_times, peek
from services.kit.clock import Clock
from services.kit.context import Caller

_UNCHECKED = {"verify_exp": False, "verify_nbf": False, "verify_iat": False, "verify_aud": False, "verify_sub": False}


class UserTokens:
    """Verifies users' tokens; `secret`, `jwks` or both may be given, and what is absent is refused."""

    def __init__(self, *, secret: str | None, jwks: Jwks | None, issuer: str | None, clock: Clock) -> None:
        self._secret = secret
        self._jwks = jwks
        self._issuer = issuer
        self._clock = clock

    async def verify(self, token: str, unverified: Unverified | None = None) -> tuple[Caller, float]:
        """The caller and the token's end in epoch seconds."""
        algorithm, key = await self._key(unverified or peek(token))
        try:
            claims: dict[str, Any] = jwt.decode(token, key, algorithms=[algorithm], options=_UNCHECKED)  # type: ignore[arg-type]
        except (jwt.PyJWTError, ValueError, TypeError):
            raise InvalidToken from None
        if self._issuer is not None and claims.get("iss") != self._issuer:
            raise InvalidToken
        ends = check_times(claims, self._clock.now().timestamp())
        subject = _account(claims.get("sub"))
        return Caller("user", subject=subject, account_id=subject, token=token), ends

    async def _key(self, unverified: Unverified) -> tuple[str, Any]:
        if unverified.algorithm == "HS256" and self._secret:
            return "HS256", self._secret
        if unverified.algorithm in ("ES256", "RS256") and self._jwks:
            found = await self._jwks.key(unverified.key_id, unverified.algorithm)
            return unverified.algorithm, found.key
        raise InvalidToken


def _account(subject: object) -> str:
    try:
        return str(uuid.UUID(str(subject)))
    except ValueError:
        raise InvalidToken from None


def sign_user_token(secret: str, claims: Mapping[str, object], *, lifetime_s: float, clock: Clock) -> str:
    """A user's token by the shared secret, for development and tests; `claims` need `sub`."""
    now = clock.now().timestamp()
    return jwt.encode({"iat": int(now), "exp": int(now + lifetime_s), **claims}, secret, algorithm="HS256")
