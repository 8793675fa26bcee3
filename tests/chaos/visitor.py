"""Somebody who starts no run, and whose questions go along the wires by which no run's do: views of the edge that span
services, the sandbox of a project, the catalogue of tools, and a thread that is deleted again, as others are told."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final
from uuid import UUID

import httpx

from tests.chaos.clients import RETRIED, reason
from tests.chaos.stage import Stage

_PAUSE_S: Final = 0.1
_HEALTH: Final = "/health-docker"
"""Its 503 is an answer, of what it asked about."""
_GONE: Final = 404
"""Of a thread that was deleted by a call whose answer was lost."""


class Visitor:
    """`refused`: calls that were answered for the moment with nothing. `wrong`: answers that nobody may get."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self.refused: Counter[str] = Counter()
        self.wrong: Counter[str] = Counter()

    async def stroll(self) -> None:
        """One visit after the other."""
        while True:
            await self.visit()

    async def visit(self) -> None:
        """Makes a thread, looks at everything, and deletes what is there."""
        made = await self._ask("POST", "/threads", json={"name": "a visit"})
        for path in ("/billing/account-state", "/tools", _HEALTH, *(_views(made) if made else ())):
            await self._ask("GET", path)
        listed = await self._ask("GET", "/threads") or {"threads": []}
        for thread in listed["threads"]:
            await self._ask("DELETE", f"/threads/{thread['thread_id']}")

    async def _ask(self, verb: str, path: str, **body: Any) -> dict[str, Any] | None:
        """The answer; None: it was refused."""
        await asyncio.sleep(_PAUSE_S)
        try:
            answer = await self._client.request(verb, path, **body)
        except httpx.TransportError as broken:
            self.refused[type(broken).__name__] += 1
            return None
        if answer.status_code in RETRIED:
            if path != _HEALTH:
                self.refused[f"{answer.status_code} {reason(answer)}"] += 1
            return None
        if not answer.is_success:
            if answer.status_code != _GONE:
                self.wrong[f"{verb} {path.split('/')[1]}: {answer.status_code} {answer.text[:200]}"] += 1
            return None
        told: dict[str, Any] = answer.json() if answer.content else {}
        return told


def _views(made: dict[str, Any]) -> tuple[str, ...]:
    thread, project = made["thread_id"], made["project_id"]
    return f"/threads/{thread}", f"/threads/{thread}/messages", f"/projects/{project}", f"/project/{project}/sandbox"


@asynccontextmanager
async def visited(stage: Stage, dice: random.Random) -> AsyncIterator[Visitor]:
    """Somebody is about meanwhile."""
    client = stage.client(str(UUID(int=dice.getrandbits(128), version=4)))
    visitor = Visitor(client)
    async with client, asyncio.TaskGroup() as group:
        strolling = group.create_task(visitor.stroll(), name="visitor")
        yield visitor
        strolling.cancel()
