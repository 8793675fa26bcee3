"""The durable events, as viewers are told them again."""

from __future__ import annotations

from uuid import UUID

from services.agent.errors import RunNotFound
from services.agent.stream.ports import RunHead, StoredEvent
from services.kit.postgres import Database

READ = """
SELECT epoch, n, payload FROM events WHERE run_id = $1 AND (epoch, n) > ($2, $3) ORDER BY epoch, n LIMIT $4
"""


class PostgresEvents:
    """EventStore in Postgres."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self, run_id: UUID, after: tuple[int, int], limit: int) -> list[StoredEvent]:
        rows = await self._database.fetch(READ, run_id, *after, limit)
        return [StoredEvent(row["epoch"], row["n"], row["payload"]) for row in rows]

    async def head(self, run_id: UUID) -> RunHead:
        row = await self._database.fetchrow(
            "SELECT epoch, completed_at IS NOT NULL AS ended FROM runs WHERE run_id = $1", run_id
        )
        if row is None:
            raise RunNotFound("Agent run not found", params={"agent_run_id": str(run_id)})
        return RunHead(row["epoch"], row["ended"])
