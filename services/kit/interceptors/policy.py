"""Whether this caller may call this RPC at all; what it may see is decided by the query behind it."""

from __future__ import annotations

from typing import Any

from services.kit.interceptors.chain import Call, Proceed
from services.kit.policy import RoleLookup, authorize


class Authorization:
    """Holds the caller against the RPC's row."""

    def __init__(self, roles: RoleLookup | None) -> None:
        self._roles = roles

    async def __call__(self, call: Call, proceed: Proceed) -> Any:
        await authorize(call.rule, call.caller, self._roles)
        return await proceed(call)
