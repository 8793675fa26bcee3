"""The operator's notices in a file, which `mesh notice` writes and anybody else may mount."""

from __future__ import annotations

import asyncio
from pathlib import Path

from services.gateway.edge.domain import Json
from services.gateway.edge.errors import InvalidBody
from services.gateway.edge.forms import json_object
from services.gateway.edge.ports import Notices
from services.kit.logging import get_logger

log = get_logger()


class NoticeFile(Notices):
    """Read at each question: what is written shows at once. One that can not be read says nothing, and is logged."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def read(self) -> Json:
        try:
            return json_object(await asyncio.to_thread(self._path.read_bytes))
        except FileNotFoundError:
            return {}
        except (OSError, InvalidBody) as unread:
            log.warning("notices.unread", path=str(self._path), why=str(unread))
            return {}
