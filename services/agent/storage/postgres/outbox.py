"""What is owed to threads and billing, and was not delivered by the run's owner."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from services.agent.domain.journal import OwedRow
from services.agent.ports import Due
from services.kit.postgres import Database

# Whole runs, so that a run's rows go out in order: the oldest overdue row names the run, and all it owes comes along.
DUE = """
WITH late AS (
    SELECT DISTINCT run_id FROM (
        SELECT run_id FROM outbox WHERE delivered_at IS NULL AND next_attempt_at < now()
        ORDER BY next_attempt_at LIMIT $1 FOR UPDATE SKIP LOCKED
    ) AS overdue
), taken AS (
    UPDATE outbox SET attempts = attempts + 1,
                      next_attempt_at = now() + least(30, 3 * power(2, least(attempts, 5))) * interval '1 second'
    FROM late WHERE outbox.run_id = late.run_id AND outbox.delivered_at IS NULL
    RETURNING outbox.run_id, outbox.account_id, outbox.seq, outbox.kind, outbox.payload, outbox.attempts
)
SELECT * FROM taken ORDER BY run_id, seq
"""

MARK = """
UPDATE outbox SET delivered_at = now()
FROM unnest($1::uuid[], $2::bigint[]) AS done (run_id, seq)
WHERE outbox.run_id = done.run_id AND outbox.seq = done.seq AND outbox.delivered_at IS NULL
"""


class PostgresOutbox:
    """OutboxStore in Postgres."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def due(self, limit: int) -> list[Due]:
        rows = await self._database.fetch(DUE, limit)
        return [
            Due(row["run_id"], row["account_id"], OwedRow(row["seq"], row["kind"], row["payload"]), row["attempts"])
            for row in rows
        ]

    async def mark_delivered(self, rows: Sequence[tuple[UUID, int]]) -> None:
        await self._database.execute(MARK, [run_id for run_id, _ in rows], [seq for _, seq in rows])
