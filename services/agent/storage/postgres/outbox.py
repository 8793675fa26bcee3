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

PRUNE = """
WITH old AS (
    SELECT run_id FROM runs
    WHERE completed_at < now() - $1 * interval '1 day'
      AND EXISTS (SELECT 1 FROM events WHERE events.run_id = runs.run_id)
      AND NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.run_id = runs.run_id AND delivered_at IS NULL)
    ORDER BY completed_at LIMIT $2
), forgotten_events AS (
    DELETE FROM events USING old WHERE events.run_id = old.run_id
), forgotten_steps AS (
    DELETE FROM steps USING old WHERE steps.run_id = old.run_id
), forgotten_calls AS (
    DELETE FROM calls USING old WHERE calls.run_id = old.run_id
), forgotten_rows AS (
    DELETE FROM outbox USING old WHERE outbox.run_id = old.run_id
)
SELECT count(*) FROM old
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

    async def prune(self, retention_days: float, limit: int) -> int:
        count: int = await self._database.fetchval(PRUNE, retention_days, limit)
        return count
