"""The durable events, as viewers are told them again."""

from __future__ import annotations

from uuid import UUID

from services.agent.errors import RunNotFound
from services.agent.stream.ids import EventId
from services.agent.stream.ports import RunHead, StoredEvent
from services.kit.postgres import Database

READ = """
SELECT epoch, n, payload FROM events WHERE run_id = $1 AND (epoch, n) > ($2, $3) ORDER BY epoch, n LIMIT $4
"""
HEAD = "SELECT epoch, completed_at IS NOT NULL AS ended, torn_epoch, torn_n FROM runs WHERE run_id = $1"
TEAR = """
UPDATE runs SET torn_epoch = $2, torn_n = $3 WHERE run_id = $1 AND (torn_epoch, torn_n) < ($2, $3)
"""


class PostgresEvents:
    """EventStore in Postgres."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self, run_id: UUID, after: tuple[int, int], limit: int) -> list[StoredEvent]:
        rows = await self._database.fetch(READ, run_id, *after, limit)
        return [StoredEvent(row["epoch"], row["n"], row["payload"]) for row in rows]

    async def head(self, run_id: UUID) -> RunHead:
        row = await self._database.fetchrow(HEAD, run_id)
        if row is None:
            raise RunNotFound("Agent run not found", params={"agent_run_id": str(run_id)})
        return RunHead(row["epoch"], row["ended"], EventId(row["torn_epoch"], row["torn_n"]))

    async def tear(self, run_id: UUID, place: EventId) -> None:
        await self._database.execute(TEAR, run_id, *place)
