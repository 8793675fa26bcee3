"""Somebody says that they are here, every so often."""

from __future__ import annotations

from services.gateway.edge.codec.orders import decode_presence
from services.gateway.edge.domain import Json
from services.gateway.edge.ports import Presences


class UpdatePresence:
    """Keeps it for `seconds`; with 0 it is checked and not kept."""

    def __init__(self, presences: Presences, seconds: int) -> None:
        self._presences = presences
        self._seconds = seconds

    async def __call__(self, account_id: str, body: Json) -> Json:
        presence = decode_presence(body)
        if self._seconds:
            await self._presences.keep(account_id, presence, self._seconds)
        return {"success": True, "session_id": presence.session_id, "disabled": not self._seconds}
