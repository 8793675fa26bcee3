"""Who executes what: the claim, which is also the recovery sweep, the release, and the end of poisoned runs."""

from __future__ import annotations

from typing import Final

from services.agent.domain.run import ATTEMPT_LIMIT, Claim, Ending, Run
from services.agent.ports import Fence, Owed, Stamped
from services.agent.storage.postgres.rows import RUN_COLUMNS, decode_claim, decode_run
from services.kit.postgres import Database, UniqueViolation

LEASE_OVER: Final = "(lease_until < now() OR lease_until > now() + interval '10 minutes')"
"""No lease is ever that long: one that ends later was given by a clock that was put back since, and nobody beats it."""


def settled(ttl: str, started: str = "pg_postmaster_start_time()") -> str:
    """Whether a lease that is over says something of its owner: one that ran out while Postgres itself was away does
    not, so that nobody steals for one ttl after the server's start. A start in the future is that of a clock that was
    put back.

    `ttl` is a parameter, in seconds.
    """
    return f"(now() NOT BETWEEN {started} AND {started} + {ttl} * interval '1 second')"


# A run without an owner was given back and is free at once.
CLAIM = f"""
WITH orphan AS (
    SELECT run_id FROM runs
    WHERE status = 'running' AND attempt < {ATTEMPT_LIMIT}
      AND (owner IS NULL OR ($4 AND {LEASE_OVER} AND {settled("$2")}))
    LIMIT $3 FOR UPDATE SKIP LOCKED
), head AS (
    SELECT run_id FROM runs AS queued
    WHERE status = 'queued'
      AND NOT EXISTS (SELECT 1 FROM runs AS active
                       WHERE active.thread_id = queued.thread_id AND active.status IN ('running', 'waiting'))
      AND NOT EXISTS (SELECT 1 FROM runs AS ahead
                       WHERE ahead.thread_id = queued.thread_id AND ahead.status = 'queued'
                         AND ahead.turn < queued.turn)
    ORDER BY created_at LIMIT $3 FOR UPDATE SKIP LOCKED
), candidate AS (
    SELECT run_id FROM orphan UNION ALL SELECT run_id FROM head LIMIT $3
)
UPDATE runs SET status = 'running', owner = $1, epoch = epoch + 1, attempt = attempt + 1,
                lease_until = now() + $2 * interval '1 second', started_at = coalesce(started_at, now())
FROM candidate WHERE runs.run_id = candidate.run_id
RETURNING {", ".join("runs." + column for column in RUN_COLUMNS.split(", "))}, runs.spec, runs.stop_requested_at,
          runs.stop_reason, runs.attempt, extract(epoch FROM runs.deadline - now())::float8 AS seconds_left
"""

RELEASE = """
UPDATE runs SET owner = NULL, lease_until = now(), attempt = greatest(attempt - 1, 0)
WHERE run_id = $1 AND epoch = $2 AND status = 'running'
"""

POISONED = f"""
SELECT {RUN_COLUMNS} FROM runs
WHERE status = 'running' AND attempt >= {ATTEMPT_LIMIT} AND {LEASE_OVER} AND {settled("$2")} LIMIT $1
"""

LAST_SEQ = """
SELECT last_seq FROM runs WHERE run_id = $1 AND epoch = $2 AND status IN ('queued', 'running', 'waiting')
"""

# Whoever ends a run from outside has read its journal: what its owner wrote since then ($11) refuses the end.
END = """
WITH run AS (
    UPDATE runs SET status = $3, epoch = epoch + 1, last_seq = last_seq + 2, completed_at = now(), owner = NULL,
                    lease_until = NULL, error = $4, error_code = $5, end_reason = $6,
                    steps = (SELECT count(*) FROM steps WHERE steps.run_id = $1)
    WHERE run_id = $1 AND epoch = $2 AND last_seq = $11 AND status IN ('queued', 'running', 'waiting') AND {guard}
    RETURNING run_id, account_id, epoch, last_seq, spec, attempt, created_at
), terminal AS (
    INSERT INTO events (run_id, seq, epoch, n, payload) SELECT run_id, last_seq - 1, epoch, $7, $8 FROM run
), owed AS (
    INSERT INTO outbox (run_id, seq, kind, account_id, payload, next_attempt_at)
    SELECT run_id, last_seq, $9, account_id, $10, now() FROM run
)
SELECT count(*) FROM run
"""
LETTER = """, letter AS (
    INSERT INTO dead_letters (kind, run_id, seq, account_id, payload, error, attempts, created_at)
    SELECT 'run', run_id, 0, account_id, convert_to(spec::text, 'UTF8'), 'poison: ' || $4, attempt, created_at FROM run
)
SELECT count(*)"""
END_ANY = END.replace("{guard}", "true")
END_POISONED = END.replace("{guard}", f"status = 'running' AND {LEASE_OVER} AND {settled('$12')}").replace(
    "\nSELECT count(*)", LETTER
)


class PostgresOwnership:
    """OwnershipStore in Postgres."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, owner: str, ttl_s: float, limit: int, steal: bool) -> list[Claim]:
        try:
            rows = await self._database.fetch(CLAIM, owner, ttl_s, limit, steal)
        except UniqueViolation:  # two heads of one thread in one instant: the next sweep sees which
            return []
        return [decode_claim(row) for row in rows]

    async def release(self, fence: Fence) -> None:
        await self._database.execute(RELEASE, fence.run_id, fence.epoch)

    async def poisoned(self, limit: int, ttl_s: float) -> list[Run]:
        return [decode_run(row) for row in await self._database.fetch(POISONED, limit, ttl_s)]

    async def last_seq(self, fence: Fence) -> int | None:
        seq: int | None = await self._database.fetchval(LAST_SEQ, fence.run_id, fence.epoch)
        return seq

    async def end_poisoned(
        self, fence: Fence, last_seq: int, ending: Ending, ended: Stamped, owed: Owed, ttl_s: float
    ) -> bool:
        return await self._end(END_POISONED, fence, last_seq, ending, ended, owed, ttl_s)

    async def end(self, fence: Fence, last_seq: int, ending: Ending, ended: Stamped, owed: Owed) -> bool:
        return await self._end(END_ANY, fence, last_seq, ending, ended, owed)

    async def _end(
        self, statement: str, fence: Fence, last_seq: int, ending: Ending, ended: Stamped, owed: Owed, *guard: float
    ) -> bool:
        count = await self._database.fetchval(
            statement,
            fence.run_id,
            fence.epoch,
            ending.status,
            ending.message if ending.status == "failed" else None,
            ending.error_code,
            ending.reason,
            ended.n,
            ended.payload,
            owed.kind,
            owed.payload,
            last_seq,
            *guard,
        )
        return bool(count)
