"""The identity provider's public keys: fetched when needed, kept for an hour, believed longer while it is away."""

from __future__ import annotations

import asyncio
import json

import httpx
import jwt

from services.kit.auth.parsing import InvalidToken
from services.kit.clock import Clock
from services.kit.errors import Unavailable
from services.kit.logging import get_logger

_FRESH_S = 3600.0
_RETRY_S = 10.0
_MAX_BYTES = 256 * 1024
_MAX_KEYS = 64
_ALGORITHMS = {"EC": "ES256", "RSA": "RS256"}

log = get_logger()


class KeysUnavailable(Unavailable):
    """The provider's keys were never read and cannot be read now."""

    reason = "IDENTITY_PROVIDER_UNAVAILABLE"
    default_message = "Sign-in keys cannot be read at the moment"


class Jwks:
    """The key set at one URL.

    One fetch at a time whoever waits. A key id that is not known makes one more fetch, at most every 10 s, so that a
    rotated key works at once and invented ids cannot make us hammer the provider.
    """

    def __init__(self, url: str, http: httpx.AsyncClient, clock: Clock) -> None:
        self._url = url
        self._http = http
        self._clock = clock
        self._keys: dict[str | None, jwt.PyJWK] = {}
        self._fetched_at = float("-inf")
        self._tried_at = float("-inf")
        self._one = asyncio.Lock()

    async def key(self, key_id: str | None, algorithm: str) -> jwt.PyJWK:
        """The key of that id, usable with that algorithm alone; InvalidToken where there is none."""
        if self._is_stale() or key_id not in self._keys:
            await self._refresh(key_id)
        found = self._keys.get(key_id)
        if found is None or _ALGORITHMS.get(found.key_type or "") != algorithm:
            raise InvalidToken
        return found

    def _is_stale(self) -> bool:
        return self._clock.monotonic() - self._fetched_at > _FRESH_S

    async def _refresh(self, key_id: str | None) -> None:
        async with self._one:
            served_meanwhile = not self._is_stale() and key_id in self._keys
            if served_meanwhile or self._clock.monotonic() - self._tried_at < _RETRY_S:
                return
            self._tried_at = self._clock.monotonic()
            try:
                self._keys = _parse(await self._fetch())
                self._fetched_at = self._clock.monotonic()
            except (httpx.HTTPError, ValueError, jwt.PyJWTError) as failed:
                log.warning("auth.jwks_unreadable", error_type=type(failed).__name__, keys_kept=len(self._keys))
        if not self._keys:
            raise KeysUnavailable

    async def _fetch(self) -> bytes:
        body = bytearray()
        async with self._http.stream("GET", self._url) as response:
            response.raise_for_status()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > _MAX_BYTES:
                    raise ValueError("key set too large")
        return bytes(body)


def _parse(body: bytes) -> dict[str | None, jwt.PyJWK]:
    found = json.loads(body)
    if not isinstance(found, dict) or len(found.get("keys", ())) > _MAX_KEYS:
        raise ValueError("not a key set")
    return {key.key_id: key for key in jwt.PyJWKSet.from_dict(found).keys if key.key_type in _ALGORITHMS}
