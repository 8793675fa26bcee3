"""Who calls: the authorization header becomes a Caller."""

from __future__ import annotations

from typing import Any

from services.kit.auth import Authenticator
from services.kit.interceptors.chain import Call, Proceed


class Authentication:
    """Verifies the bearer of every call; a plain header is never believed."""

    def __init__(self, authenticator: Authenticator) -> None:
        self._authenticator = authenticator

    async def __call__(self, call: Call, proceed: Proceed) -> Any:
        call.caller = await self._authenticator.authenticate(call.metadata.get("authorization"))
        return await proceed(call)
