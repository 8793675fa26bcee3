"""RPCs wait while their service is not yet able to serve them, as long as their deadline lets them."""

from __future__ import annotations

import asyncio
from typing import Any

from services.kit.interceptors.chain import Call, Proceed


class Hold:
    """Until the event is set."""

    def __init__(self, over: asyncio.Event) -> None:
        self._over = over

    async def __call__(self, call: Call, proceed: Proceed) -> Any:
        if not self._over.is_set():
            await self._over.wait()
        return await proceed(call)
