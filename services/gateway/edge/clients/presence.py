"""Presence in Redis: a key per account and session, gone by itself."""

from __future__ import annotations

import orjson

from services.gateway.edge.domain import Presence
from services.gateway.edge.ports import Presences
from services.kit.redis import Redis, neutral_errors


class RedisPresences(Presences):
    """`presence:<account>:<session>` holds what the session said last, as JSON."""

    def __init__(self, client: Redis) -> None:
        self._client = client

    async def keep(self, account_id: str, presence: Presence, seconds: int) -> None:
        said = orjson.dumps({"active_thread_id": presence.active_thread_id, **presence.told})
        with neutral_errors():
            await self._client.set(f"presence:{account_id}:{presence.session_id}", said, ex=seconds)
