"""How Envoy leaves its port to another one that listens there as well: by its admin interface, before it must end.

It tells each client with its next answer to connect anew, while it still accepts; then it accepts no more, and is given
a while in which the requests under way end. What is left then are streams of events, which their viewers resume.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

import httpx

_DRAINED_WITHIN_S = 12.0
_LOOK_EVERY_S = 0.2
_QUIET_LOOKS = 3
_ACTIVE = "http.public.downstream_rq_active"


async def drain_envoy(admin: str) -> None:
    """Until requests are rare there, or some seconds. An Envoy that can not be asked is left as it is."""
    with suppress(httpx.HTTPError, TimeoutError):
        async with httpx.AsyncClient(base_url=admin, trust_env=False) as client, asyncio.timeout(_DRAINED_WITHIN_S):
            await client.post("/drain_listeners?graceful")
            quiet = 0
            while quiet < _QUIET_LOOKS:
                await asyncio.sleep(_LOOK_EVERY_S)
                answer = await client.get("/stats", params={"filter": _ACTIVE})
                quiet = quiet + 1 if answer.text.rstrip().endswith(" 0") else 0
