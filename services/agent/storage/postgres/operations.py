"""What operators see and do, in SQL."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any
from uuid import UUID

from services.agent.domain.operations import (
    ActiveThread,
    BreakerState,
    DeadLetter,
    Minute,
    PipelineFigures,
    ProcessState,
    RunDetail,
    StaleRuns,
    Swept,
    WindowState,
    WorkState,
)
from services.agent.domain.run import ATTEMPT_LIMIT
from services.agent.storage.postgres.ownership import LEASE_OVER, settled
from services.kit.postgres import Database, Record

# $2: the ttl of leases, in seconds.
_DETAIL = """
    run_id, thread_id, owner, status, lease_until - $2 * interval '1 second' AS heartbeat,
    extract(epoch FROM now() - lease_until)::float8 + $2::float8 AS heartbeat_age,
    coalesce(started_at, created_at) AS start,
    extract(epoch FROM coalesce(completed_at, now()) - coalesce(started_at, created_at))::float8 AS duration
"""
DETAIL = f"SELECT {_DETAIL}, '' AS reason FROM runs WHERE run_id = $1"

# A queued run waits for somebody where nothing of its thread is before it.
_CLAIMABLE = """
    status = 'queued' AND NOT EXISTS (
        SELECT 1 FROM runs AS ahead WHERE ahead.thread_id = runs.thread_id AND ahead.run_id <> runs.run_id
           AND (ahead.status IN ('running', 'waiting') OR (ahead.status = 'queued' AND ahead.turn < runs.turn)))
"""
_REASON = f"""
    CASE WHEN {_CLAIMABLE} THEN 'not_claimed'
         WHEN status = 'queued' THEN NULL
         WHEN deadline < now() THEN 'past_deadline'
         WHEN owner IS NULL OR {LEASE_OVER} THEN 'lease_over'
         WHEN stop_requested_at < now() - interval '1 minute' THEN 'stop_unheard' END
"""
_OLD_ENOUGH = "status IN ('queued', 'running', 'waiting') AND created_at <= now() - $1 * interval '1 minute'"
STUCK = f"""
SELECT * FROM (SELECT {_DETAIL}, created_at, {_REASON} AS reason FROM runs WHERE {_OLD_ENOUGH}) AS found
WHERE reason IS NOT NULL ORDER BY created_at, run_id LIMIT $3
"""
COUNT_STUCK = f"SELECT count(*) FROM runs WHERE {_OLD_ENOUGH} AND {_REASON} IS NOT NULL"

# Whoever owns a run ends it at its deadline; a minute is more than a take-over needs to do so instead.
STALE = """
SELECT count(*) FILTER (WHERE is_late)::int AS past_deadline, count(*) FILTER (WHERE NOT is_late)::int AS long_active,
       (array_agg(run_id ORDER BY created_at, run_id))[1:5] AS oldest
FROM (
    SELECT run_id, created_at, deadline < now() - interval '1 minute' AS is_late FROM runs
    WHERE status IN ('queued', 'running', 'waiting')
      AND (deadline < now() - interval '1 minute' OR started_at < now() - interval '1 hour')
) AS found
"""

ACTIVE_THREADS = """
SELECT DISTINCT ON (thread_id) thread_id, run_id, status FROM runs
WHERE status IN ('queued', 'running', 'waiting') ORDER BY thread_id, turn LIMIT $1
"""

RESUME = """
UPDATE runs SET owner = NULL, lease_until = now(), attempt = 0 WHERE run_id = $1 AND status = 'running' RETURNING run_id
"""

_ORPHAN = f"(owner IS NULL OR ({LEASE_OVER} AND {settled('$1')}))"
SWEEP = f"""
WITH handed AS (
    UPDATE runs SET owner = NULL, lease_until = now()
    WHERE status = 'running' AND attempt < {ATTEMPT_LIMIT} AND {_ORPHAN}
    RETURNING run_id
)
SELECT (SELECT count(*) FROM runs WHERE status = 'running' AND {_ORPHAN}) AS orphaned,
       (SELECT count(*) FROM handed) AS recovered,
       (SELECT count(*) FROM runs WHERE status IN ('queued', 'running', 'waiting') AND deadline < now()) AS stuck
"""

LETTERS = """
SELECT dead_letter_id AS letter_id, run_id, kind, error, attempts, payload, created_at, failed_at FROM dead_letters
WHERE state = 'dead' AND ($1::uuid IS NULL OR run_id = $1) AND ($2::bigint IS NULL OR dead_letter_id < $2)
ORDER BY dead_letter_id DESC LIMIT $3
"""
RETRY = """
WITH letter AS (
    UPDATE dead_letters SET state = 'retried' WHERE dead_letter_id = $1 AND state = 'dead' AND kind <> 'run'
    RETURNING run_id, seq, kind, account_id, payload, created_at
)
INSERT INTO outbox (run_id, seq, kind, account_id, payload, created_at, next_attempt_at)
SELECT run_id, seq, kind, account_id, payload, created_at, now() FROM letter ON CONFLICT DO NOTHING
"""
PURGE = """
WITH gone AS (
    UPDATE dead_letters SET state = 'discarded'
    WHERE state = 'dead' AND failed_at <= now() - $1 * interval '1 hour' RETURNING run_id
) SELECT count(*) FROM gone
"""

FIGURES = f"""
SELECT
    (SELECT count(*) FROM runs WHERE status IN ('queued', 'running', 'waiting'))::int AS active,
    (SELECT count(*) FROM runs WHERE status = 'queued')::int AS queued,
    (SELECT count(*) FROM runs WHERE status = 'running' AND owner IS NOT NULL AND NOT {LEASE_OVER})::int AS owned,
    (SELECT count(*) FROM runs WHERE status = 'running' AND (owner IS NULL OR {LEASE_OVER}))::int AS orphaned,
    greatest(
        (SELECT coalesce(extract(epoch FROM now() - min(created_at)), 0) FROM runs WHERE {_CLAIMABLE}),
        (SELECT coalesce(extract(epoch FROM now() - min(lease_until)), 0) FROM runs WHERE status = 'running')
    )::float8 AS oldest_waiting_s,
    (SELECT count(*) FROM outbox WHERE delivered_at IS NULL)::int AS pending_rows,
    (SELECT coalesce(extract(epoch FROM now() - min(created_at)), 0) FROM outbox WHERE delivered_at IS NULL)::float8
        AS oldest_pending_s,
    day.started::int, day.completed::int, day.failed::int, day.recovered::int,
    (SELECT count(*) FROM dead_letters WHERE state = 'dead')::int AS dead_letters,
    (SELECT count(*) FROM dead_letters WHERE state = 'dead' AND kind = 'run')::int AS dead_runs
FROM (
    SELECT count(*) FILTER (WHERE started_at > now() - interval '1 day') AS started,
           count(*) FILTER (WHERE status = 'completed') AS completed,
           count(*) FILTER (WHERE status = 'failed') AS failed,
           -- An operator's end of a run raises its epoch too.
           count(*) FILTER (WHERE epoch - (end_reason IS NOT DISTINCT FROM 'admin')::int > 1
                              AND end_reason IS DISTINCT FROM 'poison') AS recovered
    FROM runs WHERE completed_at > now() - interval '1 day' OR status IN ('running', 'waiting')
) AS day
"""

WRITE_SAMPLES = """
INSERT INTO samples (source, figures)
SELECT source, figures || jsonb_build_object(
    'pending_rows', (SELECT count(*) FROM outbox WHERE delivered_at IS NULL)
) FROM unnest($1::text[], $2::jsonb[]) AS reported (source, figures)
"""
PROCESSES = """
SELECT DISTINCT ON (source) source, at, figures FROM samples
WHERE at > now() - $1 * interval '1 second' ORDER BY source, at DESC
"""
HISTORY = """
SELECT DISTINCT ON (minute, source) date_trunc('minute', at) AS minute, source, at, figures FROM samples
WHERE at > now() - $1 * interval '1 minute' ORDER BY minute, source, at DESC
"""

_NOT_WRITTEN = ("source", "at", "buffered_rows", "pending_rows")


class PostgresOperations:
    """OperationsStore in Postgres."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def act(self, subject: UUID, act: str, target: str, why: str) -> None:
        sql = "INSERT INTO admin_acts (subject, act, target, why) VALUES ($1, $2, $3, $4)"
        await self._database.execute(sql, subject, act, target, why)

    async def detail(self, run_id: UUID, ttl_s: float) -> RunDetail | None:
        row = await self._database.fetchrow(DETAIL, run_id, ttl_s)
        return _detail(row) if row else None

    async def stuck(self, min_age_minutes: int, ttl_s: float, limit: int) -> list[RunDetail]:
        return [_detail(row) for row in await self._database.fetch(STUCK, min_age_minutes, ttl_s, limit)]

    async def count_stuck(self, min_age_minutes: int) -> int:
        count: int = await self._database.fetchval(COUNT_STUCK, min_age_minutes)
        return count

    async def stale(self) -> StaleRuns:
        row = await self._database.fetchrow(STALE)
        assert row is not None
        return StaleRuns(row["past_deadline"], row["long_active"], tuple(row["oldest"] or ()))

    async def active_threads(self, limit: int) -> list[ActiveThread]:
        return [ActiveThread(**dict(row)) for row in await self._database.fetch(ACTIVE_THREADS, limit)]

    async def resume(self, run_id: UUID) -> bool:
        return await self._database.fetchval(RESUME, run_id) is not None

    async def sweep(self, ttl_s: float) -> Swept:
        row = await self._database.fetchrow(SWEEP, ttl_s)
        assert row is not None
        return Swept(**dict(row))

    async def letters(self, run_id: UUID | None, before: int | None, limit: int) -> list[DeadLetter]:
        return [DeadLetter(**dict(row)) for row in await self._database.fetch(LETTERS, run_id, before, limit)]

    async def letter_kind(self, letter_id: int) -> str | None:
        kind: str | None = await self._database.fetchval(
            "SELECT kind FROM dead_letters WHERE dead_letter_id = $1", letter_id
        )
        return kind

    async def retry(self, letter_id: int) -> None:
        await self._database.execute(RETRY, letter_id)

    async def discard(self, letter_id: int) -> None:
        sql = "UPDATE dead_letters SET state = 'discarded' WHERE dead_letter_id = $1 AND state = 'dead'"
        await self._database.execute(sql, letter_id)

    async def purge(self, older_than_hours: int) -> int:
        count: int = await self._database.fetchval(PURGE, older_than_hours)
        return count

    async def figures(self) -> PipelineFigures:
        row = await self._database.fetchrow(FIGURES)
        assert row is not None
        return PipelineFigures(**dict(row))

    async def write(self, states: Sequence[ProcessState]) -> None:
        """Commits samples of processes."""
        figures = [
            {name: value for name, value in asdict(state).items() if name not in _NOT_WRITTEN} for state in states
        ]
        sources = [state.source for state in states]
        await self._database.execute(WRITE_SAMPLES, sources, [json.dumps(values) for values in figures])

    async def prune(self, older_than_s: float) -> None:
        """Deletes older samples."""
        await self._database.execute("DELETE FROM samples WHERE at < now() - $1 * interval '1 second'", older_than_s)

    async def processes(self, within_s: float) -> tuple[ProcessState, ...]:
        return tuple(_process(row) for row in await self._database.fetch(PROCESSES, within_s))

    async def history(self, minutes: int) -> list[Minute]:
        found: dict[Any, list[ProcessState]] = {}
        for row in await self._database.fetch(HISTORY, minutes):
            found.setdefault(row["minute"], []).append(_process(row))
        return [Minute(at, tuple(processes)) for at, processes in found.items()]


def _detail(row: Record) -> RunDetail:
    return RunDetail(
        row["run_id"],
        row["thread_id"],
        row["owner"],
        row["status"],
        row["heartbeat"],
        row["heartbeat_age"],
        row["start"],
        row["duration"],
        row["reason"],
    )


def _process(row: Record) -> ProcessState:
    figures = json.loads(row["figures"])
    breakers = tuple(BreakerState(**breaker) for breaker in figures.pop("breakers"))
    work, starts = figures.pop("work"), figures.pop("starts", None)
    return ProcessState(
        **(figures | {"source": row["source"], "at": row["at"], "buffered_rows": 0}),
        breakers=breakers,
        work=WorkState(**work) if work else None,
        starts=WindowState(**starts) if starts else None,
    )
