"""The token by which a service calls another: short-lived, for one target, on behalf of one account and run."""

from __future__ import annotations

from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.kit.auth.keys import KeyRing
from services.kit.auth.parsing import InvalidToken, Unverified, check_times, peek
from services.kit.clock import Clock
from services.kit.context import Caller

LIFETIME_S = 300
_REUSE_UNTIL_LEFT_S = 60
_CACHE = 2048
_UNCHECKED = {"verify_exp": False, "verify_nbf": False, "verify_iat": False, "verify_sub": False}

_For = tuple[str, str, str, int, frozenset[str]]


class TokenMint:
    """Signs this service's tokens, and reuses one until a minute before its end."""

    def __init__(self, service: str, key: Ed25519PrivateKey, clock: Clock) -> None:
        self._service = service
        self._key = key
        self._clock = clock
        self._minted: dict[_For, tuple[str, float]] = {}

    def token(self, target: str, caller: Caller) -> str:
        """A token for `target` on behalf of the caller's account and run."""
        wanted: _For = (target, caller.account_id, caller.run_id, caller.epoch, caller.scopes)
        now = self._clock.now().timestamp()
        known = self._minted.get(wanted)
        if known is not None and known[1] - now > _REUSE_UNTIL_LEFT_S:
            return known[0]
        token = self._sign(wanted, int(now))
        if len(self._minted) >= _CACHE:
            self._minted.pop(next(iter(self._minted)))
        self._minted[wanted] = (token, now + LIFETIME_S)
        return token

    def _sign(self, wanted: _For, now: int) -> str:
        target, account_id, run_id, epoch, scopes = wanted
        claims: dict[str, Any] = {"iss": self._service, "aud": target, "iat": now, "exp": now + LIFETIME_S}
        optional = {"account": account_id, "run": run_id, "epoch": epoch, "scopes": sorted(scopes)}
        claims.update({name: value for name, value in optional.items() if value})
        return jwt.encode(claims, self._key, algorithm="EdDSA")


class ServiceTokens:
    """Verifies the tokens of other services that are meant for this one."""

    def __init__(self, audience: str, keys: KeyRing, clock: Clock) -> None:
        self._audience = audience
        self._keys = keys
        self._clock = clock

    async def verify(self, token: str, unverified: Unverified | None = None) -> tuple[Caller, float]:
        """The caller and the token's end in epoch seconds."""
        issuer = (unverified or peek(token)).claims.get("iss")
        key = self._keys.public(issuer) if isinstance(issuer, str) else None
        if key is None:
            raise InvalidToken
        try:
            claims = jwt.decode(token, key, algorithms=["EdDSA"], audience=self._audience, options=_UNCHECKED)  # type: ignore[arg-type]
        except (jwt.PyJWTError, ValueError, TypeError):
            raise InvalidToken from None
        ends = check_times(claims, self._clock.now().timestamp())
        issued = claims.get("iat")
        if not isinstance(issued, int) or ends - issued > LIFETIME_S:
            raise InvalidToken
        return _caller(claims, token), ends


def _caller(claims: dict[str, Any], token: str) -> Caller:
    service, account_id = str(claims["iss"]), str(claims.get("account", ""))
    return Caller(
        "service",
        subject=account_id or service,
        account_id=account_id,
        service=service,
        run_id=str(claims.get("run", "")),
        epoch=int(claims.get("epoch", 0)),
        scopes=frozenset(map(str, claims.get("scopes", ()))),
        token=token,
    )
