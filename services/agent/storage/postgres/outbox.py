"""What is owed to threads and billing, and was not delivered by the run's owner."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal
from uuid import UUID

from services.agent.domain.journal import OwedRow
from services.agent.ports import Due
from services.kit.postgres import Database

# Whole runs, so that a run's rows go out in order: the oldest overdue row names the run, and all it owes comes along.
# None is ever put off by more than 30 s: what is due in ten minutes was timed by a clock that was put back since.
DUE = """
WITH late AS (
    SELECT DISTINCT run_id FROM (
        SELECT run_id FROM outbox
        WHERE delivered_at IS NULL
          AND (next_attempt_at < now() OR next_attempt_at > now() + interval '10 minutes')
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

# One of the two happens: the conditions exclude each other. A letter that dies again after a retry is the same letter.
REFUSE = """
WITH counted AS (
    UPDATE outbox SET refusals = refusals + 1, error = $3
    WHERE run_id = $1 AND seq = $2 AND delivered_at IS NULL AND refusals + 1 < $4
    RETURNING run_id
), dead AS (
    DELETE FROM outbox WHERE run_id = $1 AND seq = $2 AND delivered_at IS NULL AND refusals + 1 >= $4
    RETURNING run_id, seq, kind, account_id, payload, refusals + 1 AS refusals, created_at
), letter AS (
    INSERT INTO dead_letters AS known (kind, run_id, seq, account_id, payload, error, attempts, created_at)
    SELECT kind, run_id, seq, account_id, payload, $3, refusals, created_at FROM dead
    ON CONFLICT (run_id, seq) DO UPDATE
        SET state = 'dead', error = excluded.error, attempts = known.attempts + excluded.attempts, failed_at = now()
), stopped AS (
    UPDATE runs SET stop_requested_at = coalesce(stop_requested_at, now()),
                    stop_reason = coalesce(stop_reason, 'undeliverable')
    FROM dead WHERE runs.run_id = dead.run_id AND runs.status IN ('queued', 'running', 'waiting')
)
SELECT CASE WHEN EXISTS (SELECT 1 FROM dead) THEN 'dead' WHEN EXISTS (SELECT 1 FROM counted) THEN 'counted'
            WHEN EXISTS (SELECT 1 FROM dead_letters WHERE run_id = $1 AND seq = $2 AND state = 'dead') THEN 'dead'
            ELSE 'gone' END
"""

# The last event is the terminal: it stays, with its id, for viewers who come later still.
PRUNE = """
WITH old AS (
    SELECT run_id FROM runs
    WHERE pruned_at IS NULL AND completed_at < now() - $1 * interval '1 day'
      AND NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.run_id = runs.run_id AND delivered_at IS NULL)
    ORDER BY completed_at LIMIT $2 FOR UPDATE SKIP LOCKED
), pruned AS (
    UPDATE runs SET pruned_at = now() FROM old WHERE runs.run_id = old.run_id
), forgotten_events AS (
    DELETE FROM events USING old
    WHERE events.run_id = old.run_id
      AND EXISTS (SELECT 1 FROM events AS later
                   WHERE later.run_id = events.run_id AND (later.epoch, later.n) > (events.epoch, events.n))
), forgotten_steps AS (
    DELETE FROM steps USING old WHERE steps.run_id = old.run_id
), forgotten_calls AS (
    DELETE FROM calls USING old WHERE calls.run_id = old.run_id
), forgotten_rows AS (
    DELETE FROM outbox USING old WHERE outbox.run_id = old.run_id
), forgotten_letters AS (
    DELETE FROM dead_letters USING old WHERE dead_letters.run_id = old.run_id AND dead_letters.state <> 'dead'
)
SELECT count(*) FROM old
"""

# A letter that was dead when its run was pruned outlives it. A retried one goes once its row was delivered.
PRUNE_LETTERS = """
WITH settled AS (
    SELECT letter.run_id, letter.seq FROM dead_letters AS letter JOIN runs ON runs.run_id = letter.run_id
    WHERE letter.state <> 'dead' AND letter.failed_at < now() - $1 * interval '1 day' AND runs.pruned_at IS NOT NULL
      AND NOT EXISTS (SELECT 1 FROM outbox
                       WHERE outbox.run_id = letter.run_id AND outbox.seq = letter.seq AND delivered_at IS NULL)
    ORDER BY letter.failed_at LIMIT $2 FOR UPDATE OF letter SKIP LOCKED
), forgotten_rows AS (
    DELETE FROM outbox USING settled WHERE outbox.run_id = settled.run_id AND outbox.seq = settled.seq
), forgotten_letters AS (
    DELETE FROM dead_letters USING settled
    WHERE dead_letters.run_id = settled.run_id AND dead_letters.seq = settled.seq
)
SELECT count(*) FROM settled
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

    async def refuse(self, run_id: UUID, seq: int, error: str, limit: int) -> Literal["counted", "dead", "gone"]:
        became: Literal["counted", "dead", "gone"] = await self._database.fetchval(REFUSE, run_id, seq, error, limit)
        if became == "gone":  # while it waited for the row: only a second look sees whether somebody else gave it up
            became = await self._database.fetchval(REFUSE, run_id, seq, error, limit)
        return became

    async def hurry(self) -> None:
        await self._database.execute(
            "UPDATE outbox SET next_attempt_at = now() - interval '1 second' WHERE delivered_at IS NULL"
        )

    async def prune(self, retention_days: float, limit: int) -> int:
        count: int = await self._database.fetchval(PRUNE, retention_days, limit)
        return count

    async def prune_letters(self, retention_days: float, limit: int) -> int:
        count: int = await self._database.fetchval(PRUNE_LETTERS, retention_days, limit)
        return count
