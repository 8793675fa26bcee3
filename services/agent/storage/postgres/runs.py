"""Runs as the API sees them: admission, reads, stop."""

from __future__ import annotations

import json
from collections.abc import Sequence
from uuid import UUID

from services.agent.domain.agents import disabled_tools
from services.agent.domain.run import QUEUE_LIMIT, Run, StopReason
from services.agent.ports import (
    ActiveRuns,
    Admission,
    Admitted,
    ChosenAgent,
    Existing,
    NewRun,
    Owed,
    Queue,
    RunStats,
    Stamped,
)
from services.agent.storage.postgres.ownership import LEASE_OVER
from services.agent.storage.postgres.rows import RUN_COLUMNS, decode_run, encode_spec
from services.kit.postgres import Database, Record, UniqueViolation

MOST_COUNTED = 50
"""Active runs of an account that are counted, and whose threads are named: as many as fit into a refusal, and more than
any plan with a limit allows. What an account has beyond them costs an admission nothing."""

# What may be null is a sub-select, so that one plan serves all calls: else each would be planned anew.
ADMISSION = f"""
SELECT
    active.count AS active, active.thread_ids AS active_thread_ids,
    (SELECT count(*) FROM runs WHERE thread_id = $2 AND status = 'queued') AS queued_in_thread,
    (SELECT run_id FROM runs WHERE thread_id = $2 AND status IN ('queued', 'running', 'waiting')
      ORDER BY turn LIMIT 1) AS busy_with,
    (SELECT coalesce(max(turn), 0) + 1 FROM runs WHERE thread_id = $2) AS next_turn,
    agent.agent_id AS chosen_agent_id, agent.agent_version_id AS chosen_version_id,
    agent.system_prompt, agent.agent_model, agent.agentpress_tools,
    existing.request_hash, {", ".join("existing." + column for column in RUN_COLUMNS.split(", "))}
FROM (
    SELECT count(*), array_agg(thread_id) AS thread_ids
    FROM (SELECT thread_id FROM runs WHERE account_id = $1 AND status IN ('queued', 'running', 'waiting')
           LIMIT {MOST_COUNTED}) AS counted
) AS active
LEFT JOIN LATERAL (
    SELECT a.agent_id, v.agent_version_id, v.system_prompt, v.model AS agent_model, v.agentpress_tools
    FROM agents a JOIN agent_versions v ON v.agent_version_id = a.current_version_id
    WHERE a.account_id = $1 AND a.deleted_at IS NULL
      AND CASE WHEN (SELECT $3::uuid) IS NULL THEN a.is_default ELSE a.agent_id = (SELECT $3::uuid) END
) AS agent ON true
LEFT JOIN runs AS existing ON existing.account_id = $1 AND existing.idempotency_key = (SELECT $4::text)
"""

# The turn was read beforehand; who lost the race for it is told by runs_turn. Interrupted is the active run of the
# thread, else the head of its queue: whoever claims that one ends it, if its end is not written before.
ADMIT = f"""
WITH run AS (
    INSERT INTO runs (run_id, account_id, thread_id, project_id, agent_id, agent_version_id, turn, model, spec, status,
                      owner, epoch, attempt, lease_until, started_at, last_seq, request_hash, idempotency_key, deadline)
    SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9::jsonb,
           CASE WHEN $15::text IS NULL THEN 'queued' ELSE 'running' END,
           $15, CASE WHEN $15::text IS NULL THEN 0 ELSE 1 END, CASE WHEN $15::text IS NULL THEN 0 ELSE 1 END,
           CASE WHEN $15::text IS NULL THEN NULL ELSE now() + $16 * interval '1 second' END,
           CASE WHEN $15::text IS NULL THEN NULL ELSE now() END,
           2, $10, $11, now() + $12 * interval '1 second'
    WHERE (SELECT count(*) FROM runs WHERE thread_id = $3 AND status = 'queued') < {QUEUE_LIMIT}
      AND ($17 <> 'reject'
           OR NOT EXISTS (SELECT 1 FROM runs WHERE thread_id = $3 AND status IN ('queued', 'running', 'waiting')))
    RETURNING {RUN_COLUMNS}
), ack AS (
    INSERT INTO events (run_id, seq, epoch, n, payload) SELECT run_id, 1, 0, 1, $13 FROM run
), message AS (
    INSERT INTO outbox (run_id, seq, kind, account_id, payload) SELECT run_id, 2, 'messages', account_id, $14 FROM run
), interrupted AS (
    UPDATE runs AS active SET stop_requested_at = coalesce(active.stop_requested_at, now()),
                              stop_reason = coalesce(active.stop_reason, 'interrupted')
    FROM run WHERE $17 = 'interrupt' AND active.status IN ('queued', 'running', 'waiting')
      AND active.run_id = (SELECT run_id FROM runs WHERE thread_id = $3 AND status IN ('queued', 'running', 'waiting')
                            ORDER BY status = 'queued', turn LIMIT 1)
    RETURNING active.run_id
)
SELECT run.*, interrupted.run_id AS interrupted FROM run LEFT JOIN interrupted ON true
"""

REQUEST_STOP = f"""
WITH ended AS (
    UPDATE runs SET status = 'stopped', epoch = 1, last_seq = last_seq + 2, completed_at = now(),
                    stop_requested_at = now(), stop_reason = $2, end_reason = $2
    WHERE run_id = $1 AND status = 'queued' AND epoch = 0
    RETURNING {RUN_COLUMNS}, last_seq
), asked AS (
    UPDATE runs SET stop_requested_at = coalesce(stop_requested_at, now()), stop_reason = coalesce(stop_reason, $2)
    WHERE run_id = $1 AND status IN ('running', 'waiting') AND NOT EXISTS (SELECT 1 FROM ended)
    RETURNING {RUN_COLUMNS}
), terminal AS (
    INSERT INTO events (run_id, seq, epoch, n, payload) SELECT run_id, last_seq - 1, 1, $3, $4 FROM ended
), owed AS (
    INSERT INTO outbox (run_id, seq, kind, account_id, payload, next_attempt_at)
    SELECT run_id, last_seq, $5, account_id, $6, now() FROM ended
)
SELECT {RUN_COLUMNS} FROM ended UNION ALL SELECT {RUN_COLUMNS} FROM asked
"""

STATS = f"""
SELECT
    (SELECT count(*) FROM runs WHERE status = 'queued') AS queued,
    (SELECT count(*) FROM runs WHERE status = 'running') AS running,
    (SELECT coalesce(extract(epoch FROM now() - min(created_at)), 0)::float8 FROM runs WHERE status = 'queued')
        AS oldest_queued_s,
    (SELECT count(*) FROM outbox WHERE delivered_at IS NULL) AS outbox_pending,
    (SELECT count(*) FROM runs WHERE status = 'running' AND {LEASE_OVER}) AS orphaned
"""

QUEUE = """
SELECT count(*) AS length, coalesce(extract(epoch FROM now() - min(created_at)), 0)::float8 AS oldest_s,
       coalesce((SELECT extract(epoch FROM now() - created_at) FROM runs AS head
                  WHERE status = 'queued' AND NOT EXISTS (
                      SELECT 1 FROM runs AS ahead WHERE ahead.thread_id = head.thread_id
                         AND (ahead.status IN ('running', 'waiting')
                              OR (ahead.status = 'queued' AND ahead.turn < head.turn)))
                  ORDER BY created_at LIMIT 1), 0)::float8 AS head_s
FROM runs WHERE status = 'queued'
"""


class PostgresRuns:
    """RunStore in Postgres."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def admission(
        self, account_id: UUID, thread_id: UUID, agent_id: UUID | None, idempotency_key: str | None
    ) -> Admission:
        row = await self._database.fetchrow(ADMISSION, account_id, thread_id, agent_id, idempotency_key)
        assert row is not None
        return Admission(
            existing=Existing(decode_run(row), row["request_hash"]) if row["run_id"] else None,
            active=ActiveRuns(row["active"], tuple(row["active_thread_ids"] or ())),
            queued_in_thread=row["queued_in_thread"],
            busy_with=row["busy_with"],
            next_turn=row["next_turn"],
            agent=_chosen(row) if row["chosen_agent_id"] else None,
        )

    async def admit(self, run: NewRun) -> Admitted | None:
        try:
            row = await self._database.fetchrow(
                ADMIT,
                run.run_id,
                run.account_id,
                run.thread_id,
                run.project_id,
                run.agent.agent_id,
                run.agent.agent_version_id,
                run.turn,
                run.spec.model,
                encode_spec(run.spec),
                run.request_hash,
                run.idempotency_key,
                run.seconds,
                run.ack,
                run.message,
                run.claimed_by,
                run.lease_s,
                run.on_conflict,
            )
        except UniqueViolation:
            return None
        return Admitted(decode_run(row), row["interrupted"]) if row else None

    async def get(self, run_id: UUID) -> Run | None:
        row = await self._database.fetchrow(f"SELECT {RUN_COLUMNS} FROM runs WHERE run_id = $1", run_id)
        return decode_run(row) if row else None

    async def list_active(self, account_id: UUID, limit: int) -> list[Run]:
        rows = await self._database.fetch(
            f"SELECT {RUN_COLUMNS} FROM runs WHERE account_id = $1 AND status IN ('queued', 'running', 'waiting')"
            " ORDER BY created_at DESC, run_id LIMIT $2",
            account_id,
            limit,
        )
        return [decode_run(row) for row in rows]

    async def list_of_thread(self, thread_id: UUID, limit: int, before_turn: int | None) -> list[Run]:
        rows = await self._database.fetch(
            f"SELECT {RUN_COLUMNS} FROM runs WHERE thread_id = $1 AND turn < coalesce($3::integer, 2147483647)"
            " ORDER BY turn DESC LIMIT $2",
            thread_id,
            limit,
            before_turn,
        )
        return [decode_run(row) for row in rows]

    async def count_active(self, account_id: UUID) -> int:
        count: int = await self._database.fetchval(
            "SELECT count(*) FROM runs WHERE account_id = $1 AND status IN ('queued', 'running', 'waiting')", account_id
        )
        return count

    async def active_of_threads(self, thread_ids: Sequence[UUID]) -> list[UUID]:
        rows = await self._database.fetch(
            "SELECT run_id FROM runs WHERE thread_id = ANY($1::uuid[]) AND status IN ('queued', 'running', 'waiting')",
            list(thread_ids),
        )
        return [row["run_id"] for row in rows]

    async def request_stop(self, run_id: UUID, reason: StopReason, ended: Stamped, owed: Owed) -> Run | None:
        values = (run_id, reason, ended.n, ended.payload, owed.kind, owed.payload)
        while (row := await self._database.fetchrow(REQUEST_STOP, *values)) is None:
            run = await self.get(run_id)
            if run is None or not run.is_active:
                return run
            # Claimed while the statement waited for its row: neither of its halves saw it. Once more.
        return decode_run(row)

    async def stats(self) -> RunStats:
        row = await self._database.fetchrow(STATS)
        assert row is not None
        return RunStats(**dict(row))

    async def queue(self) -> Queue:
        row = await self._database.fetchrow(QUEUE)
        assert row is not None
        return Queue(**dict(row))


def _chosen(row: Record) -> ChosenAgent:
    return ChosenAgent(
        agent_id=row["chosen_agent_id"],
        agent_version_id=row["chosen_version_id"],
        system_prompt=row["system_prompt"],
        model=row["agent_model"],
        disabled_tools=disabled_tools(json.loads(row["agentpress_tools"])),
    )
