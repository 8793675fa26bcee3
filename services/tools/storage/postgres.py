"""The only SQL of tools: executions by key, and task lists. Only the database's clock counts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta

from services.kit.postgres import Database, Record
from services.tools.domain.executions import Call, EncodedResult, ExecutionLostError, Row, StoredResult
from services.tools.domain.task_list import Section, Task, TaskList
from services.tools.domain.tools import Json, Outcome
from services.tools.ports import Lease, TaskListChange

# A lease further ahead than any is given is from before the clock was put back, and holds nothing.
_HELD = "lease_until BETWEEN now() AND now() + interval '10 minutes'"

# Of two concurrent inserts of a key, one waits for the other's commit and then does nothing.
_BEGIN = """
INSERT INTO executions (key, epoch, request_hash, function_name, state, owner, lease_until, deadline)
VALUES ($1, $2, $3, $4, 'running', $5, now() + $6, now() + $7)
ON CONFLICT (key) DO NOTHING
RETURNING key
"""

_BEGIN_CANCELLED = """
INSERT INTO executions (key, epoch, function_name, state, owner, lease_until, deadline,
                        outcome, output_json, error, ended_at)
VALUES ($1, $2, '', 'done', '', now(), now(), 'cancelled', 'null', 'Cancelled before it began', now())
ON CONFLICT (key) DO NOTHING
"""

# The read sees the row as it was before the update beside it; `raised` tells whether that took place.
_LOOK = f"""
WITH raised AS (
    UPDATE executions SET epoch = $2
    WHERE key = $1 AND epoch < $2 AND ($3::bytea IS NULL OR request_hash IS NULL OR request_hash = $3)
    RETURNING epoch
)
SELECT key, COALESCE((SELECT raised.epoch FROM raised), epoch) AS epoch, request_hash, function_name,
       owner, state = 'running' AND {_HELD} AS owned,
       extract(epoch FROM deadline - now())::float8 AS remaining_s,
       extract(epoch FROM now() - started_at)::float8 AS elapsed_s,
       cancel_requested, note, output, outcome, output_json, error, started_at, ended_at
FROM executions WHERE key = $1
"""

_CLAIM = """
UPDATE executions SET owner = $2, lease_until = now() + $3
WHERE key = $1 AND state = 'running' AND owner = $4
RETURNING key
"""

_CLAIM_OVERDUE = f"""
UPDATE executions SET owner = $1, lease_until = now() + $2
WHERE key IN (
    SELECT key FROM executions
    WHERE state = 'running' AND deadline < now() - $3::interval AND NOT {_HELD}
    ORDER BY deadline LIMIT $4 FOR UPDATE SKIP LOCKED
)
RETURNING key
"""

_RENEW = """
UPDATE executions SET lease_until = now() + $3
WHERE key = ANY($1) AND state = 'running' AND owner = $2
RETURNING key, cancel_requested
"""

_FINISH = """
UPDATE executions
SET state = 'done', outcome = $3, output_json = $4, error = $5, output = $6, note = NULL, ended_at = now()
WHERE key = $1 AND state = 'running' AND owner = $2
RETURNING started_at, ended_at
"""

_PRUNE = """
DELETE FROM executions WHERE key IN (
    SELECT key FROM executions WHERE state = 'done' AND ended_at < now() - $1::interval LIMIT $2
)
"""


class PostgresExecutions:
    """Implements `ports.ExecutionStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, call: Call, lease: Lease) -> Row | None:
        request_hash = call.request_hash()
        times = timedelta(seconds=lease.ttl_s), timedelta(seconds=call.timeout_s)
        while True:
            made = await self._database.fetchval(
                _BEGIN, call.key, call.epoch, request_hash, call.function_name, lease.owner, *times
            )
            if made is not None:
                return None
            row = await self._look(call.key, call.epoch, request_hash)
            if row is not None:
                return row

    async def begin_cancelled(self, key: str, epoch: int) -> Row:
        while True:
            await self._database.execute(_BEGIN_CANCELLED, key, epoch)
            row = await self._look(key, epoch, None)
            if row is not None:
                return row

    async def get(self, key: str) -> Row | None:
        return await self._look(key, -1, None)

    async def _look(self, key: str, epoch: int, request_hash: bytes | None) -> Row | None:
        while True:
            record = await self._database.fetchrow(_LOOK, key, epoch, request_hash)
            if record is None:
                return None
            row = _row(record)
            other_request = request_hash is not None and row.request_hash not in (None, request_hash)
            if row.epoch >= epoch or other_request:
                return row
            # A third caller changed the epoch between the read and the update: look again.

    async def claim(self, row: Row, lease: Lease) -> bool:
        ttl = timedelta(seconds=lease.ttl_s)
        return await self._database.fetchval(_CLAIM, row.key, lease.owner, ttl, row.owner) is not None

    async def claim_overdue(self, lease: Lease, grace_s: float, limit: int) -> Sequence[Row]:
        times = timedelta(seconds=lease.ttl_s), timedelta(seconds=grace_s)
        keys = [record["key"] for record in await self._database.fetch(_CLAIM_OVERDUE, lease.owner, *times, limit)]
        rows = [await self.get(key) for key in keys]
        return [row for row in rows if row is not None]

    async def renew(self, keys: Sequence[str], lease: Lease) -> dict[str, bool]:
        records = await self._database.fetch(_RENEW, keys, lease.owner, timedelta(seconds=lease.ttl_s))
        return {record["key"]: record["cancel_requested"] for record in records}

    async def release(self, owner: str) -> None:
        await self._database.execute(
            "UPDATE executions SET lease_until = now() WHERE owner = $1 AND state = 'running'", owner
        )

    async def request_cancel(self, key: str) -> None:
        await self._database.execute(
            "UPDATE executions SET cancel_requested = true WHERE key = $1 AND state = 'running'", key
        )

    async def remember(self, key: str, owner: str, note: str) -> None:
        sql = "UPDATE executions SET note = $3 WHERE key = $1 AND owner = $2 AND state = 'running' RETURNING key"
        if await self._database.fetchval(sql, key, owner, note) is None:
            raise ExecutionLostError

    async def finish(self, key: str, owner: str, result: EncodedResult, output: str) -> StoredResult | None:
        values = result.outcome, result.output_json, result.error, output
        record = await self._database.fetchrow(_FINISH, key, owner, *values)
        if record is None:
            return None
        times = record["started_at"], record["ended_at"]
        return StoredResult(result.outcome, result.output_json, result.error, *times)

    async def prune(self, older_than_s: float, limit: int) -> int:
        tag = await self._database.execute(_PRUNE, timedelta(seconds=older_than_s), limit)
        return int(tag.rpartition(" ")[2])


def _row(record: Record) -> Row:
    outcome = record["outcome"]
    result = outcome and StoredResult(
        Outcome(outcome), record["output_json"], record["error"], record["started_at"], record["ended_at"]
    )
    return Row(
        key=record["key"],
        epoch=record["epoch"],
        request_hash=record["request_hash"],
        function_name=record["function_name"],
        owner=record["owner"],
        owned=record["owned"],
        remaining_s=record["remaining_s"],
        elapsed_s=record["elapsed_s"],
        cancel_requested=record["cancel_requested"],
        note=record["note"],
        output=record["output"],
        result=result or None,
    )


_OWN_NOTE = "SELECT note FROM executions WHERE key = $1 AND owner = $2 AND state = 'running' FOR UPDATE"

_LOCK_LIST = """
INSERT INTO task_lists (account_id, thread_id, sections, tasks) VALUES ($1, $2, '[]', '[]')
ON CONFLICT (account_id, thread_id) DO UPDATE SET updated_at = now()
RETURNING sections, tasks
"""

_VIEW_LIST = "SELECT sections, tasks FROM task_lists WHERE account_id = $1 AND thread_id = $2"
_FORGET = """
WITH forgotten AS (
    INSERT INTO forgotten_threads (thread_id) SELECT unnest($1::uuid[]) ON CONFLICT DO NOTHING
)
DELETE FROM task_lists WHERE thread_id = ANY($1::uuid[])
"""
_PRUNE_LISTS = """
WITH late AS (
    DELETE FROM task_lists USING forgotten_threads WHERE task_lists.thread_id = forgotten_threads.thread_id
)
DELETE FROM forgotten_threads WHERE forgotten_at < now() - $1::interval
"""
_STORE_LIST = "UPDATE task_lists SET sections = $3, tasks = $4 WHERE account_id = $1 AND thread_id = $2"


class PostgresTaskLists:
    """Implements `ports.TaskLists`. What a change answered is kept as the execution's note."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def view(self, account_id: str, thread_id: str) -> TaskList:
        record = await self._database.fetchrow(_VIEW_LIST, account_id, thread_id)
        return TaskList() if record is None else _task_list(record)

    async def change(self, key: str, owner: str, account_id: str, thread_id: str, change: TaskListChange) -> Json:
        async with self._database.transaction() as connection:
            own = await connection.fetchrow(_OWN_NOTE, key, owner)
            if own is None:
                raise ExecutionLostError
            if own["note"] is not None:
                answered: Json = json.loads(own["note"])
                return answered
            record = await connection.fetchrow(_LOCK_LIST, account_id, thread_id)
            assert record is not None
            changed, answer = change(_task_list(record))
            await connection.execute(_STORE_LIST, account_id, thread_id, *_columns(changed))
            await connection.execute("UPDATE executions SET note = $2 WHERE key = $1", key, json.dumps(answer))
            return answer

    async def forget(self, thread_ids: Sequence[str]) -> None:
        await self._database.execute(_FORGET, list(thread_ids))

    async def prune(self, older_than_s: float) -> None:
        await self._database.execute(_PRUNE_LISTS, timedelta(seconds=older_than_s))


def _task_list(record: Record) -> TaskList:
    sections = tuple(Section(*section) for section in json.loads(record["sections"]))
    return TaskList(sections, tuple(Task(*task) for task in json.loads(record["tasks"])))


def _columns(tasks: TaskList) -> tuple[str, str]:
    sections = [[section.id, section.title] for section in tasks.sections]
    return json.dumps(sections), json.dumps([[t.id, t.content, t.section_id, t.status] for t in tasks.tasks])
