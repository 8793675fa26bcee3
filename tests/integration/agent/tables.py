"""Looking into, and meddling with, an agent's tables."""

from __future__ import annotations

import asyncio
from typing import Any

from services.kit.postgres import open_database


async def column(agent: Any, sql: str, *values: object) -> list[Any]:
    """The first column of a statement's rows."""
    async with open_database(agent.settings) as database:
        return [row[0] for row in await database.fetch(sql, *values)]


async def until_there(agent: Any, sql: str, *values: object, within_s: float = 20.0) -> None:
    """Awaits that a query says true."""
    async with open_database(agent.settings) as database, asyncio.timeout(within_s):
        while not await database.fetchval(sql, *values):
            await asyncio.sleep(0.05)
