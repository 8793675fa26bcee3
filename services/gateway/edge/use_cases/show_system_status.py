"""What the operator has to say to everybody: planned maintenance, a known fault."""

from __future__ import annotations

from services.gateway.edge.codec.views import system_status_view
from services.gateway.edge.domain import Json
from services.gateway.edge.ports import Notices


class ShowSystemStatus:
    """Shows the notices as they are now."""

    def __init__(self, notices: Notices) -> None:
        self._notices = notices

    async def __call__(self) -> Json:
        return system_status_view(await self._notices.read())
