"""From an authorization header to a Caller, remembering what was verified until it ends."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Protocol

import httpx

from services.kit.auth.jwks import Jwks
from services.kit.auth.keys import KeyRing
from services.kit.auth.parsing import Unverified, peek
from services.kit.auth.service_tokens import ServiceTokens
from services.kit.auth.users import UserTokens
from services.kit.clock import Clock, SystemClock
from services.kit.config import MeshSettings
from services.kit.context import ANONYMOUS, Caller
from services.kit.errors import Unauthenticated

_CACHE = 8192


class TokenVerifier(Protocol):
    """Verifies one family of tokens, or raises Unauthenticated."""

    async def verify(self, token: str, unverified: Unverified | None = None) -> tuple[Caller, float]: ...


class Authenticator:
    """Chooses the verifier by the stated algorithm; a signature is checked once per token and process."""

    def __init__(self, users: TokenVerifier, services: TokenVerifier, clock: Clock) -> None:
        self._users = users
        self._services = services
        self._clock = clock
        self._verified: dict[bytes, tuple[Caller, float]] = {}

    async def authenticate(self, authorization: str | None) -> Caller:
        """The caller of an `authorization` value; anonymous for none; Unauthenticated for a wrong one."""
        if not authorization:
            return ANONYMOUS
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Unauthenticated
        digest = sha256(token.encode()).digest()
        known = self._verified.get(digest)
        if known is not None and known[1] > self._clock.now().timestamp():
            return known[0]
        return await self._verify(token, digest)

    async def _verify(self, token: str, digest: bytes) -> Caller:
        unverified = peek(token)
        verifier = self._services if unverified.algorithm == "EdDSA" else self._users
        caller, ends = await verifier.verify(token, unverified)
        while len(self._verified) >= _CACHE:
            self._verified.pop(next(iter(self._verified)))
        self._verified[digest] = (caller, ends)
        return caller


@asynccontextmanager
async def open_authenticator(settings: MeshSettings, clock: Clock | None = None) -> AsyncIterator[Authenticator]:
    """The authenticator that the settings describe, with its HTTP client."""
    clock = clock or SystemClock()
    secret = settings.supabase_jwt_secret
    services = ServiceTokens(settings.service, KeyRing(settings.mesh_keys_dir, clock), clock)
    async with httpx.AsyncClient(timeout=5.0, follow_redirects=False) as http:
        base = f"{settings.supabase_url}/auth/v1" if settings.supabase_url else None
        users = UserTokens(
            secret=secret.get_secret_value() if secret else None,
            jwks=Jwks(f"{base}/.well-known/jwks.json", http, clock) if base else None,
            issuer=base,
            clock=clock,
        )
        yield Authenticator(users, services, clock)
