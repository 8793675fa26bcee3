"""The fenced writes of a run's owner: INTENT and RESULT of steps and calls, and the terminal. One statement each."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from services.agent.domain.journal import CallRecord, Journal, OwedRow, StepRecord
from services.agent.domain.run import Ending
from services.agent.errors import Fenced, StopRequested
from services.agent.ports import Fence, Writes
from services.agent.storage.postgres.rows import stop_reason
from services.kit.postgres import Database, Record

# $1 run, $2 epoch, $3 n[], $4 payload[], $5 kind[], $6 payload[], $7 account: the rows that every write may carry.
ROWS = """
, new_events AS (
    INSERT INTO events (run_id, seq, epoch, n, payload)
    SELECT $1, fence.base + e.place, $2, e.n, e.payload
    FROM fence, unnest($3::int[], $4::bytea[]) WITH ORDINALITY AS e (n, payload, place)
), new_owed AS (
    INSERT INTO outbox (run_id, seq, kind, account_id, payload)
    SELECT $1, fence.base + cardinality($3::int[]) + o.place, o.kind, $7, o.payload
    FROM fence, unnest($5::text[], $6::bytea[]) WITH ORDINALITY AS o (kind, payload, place)
)
"""
COUNT = "cardinality($3::int[]) + cardinality($5::text[])"

# An INTENT is refused once a stop was asked for; a RESULT and the terminal are not.
INTENT = f"""
WITH fence AS (
    UPDATE runs SET last_seq = last_seq + {COUNT}
    WHERE run_id = $1 AND epoch = $2 AND status = 'running' AND stop_requested_at IS NULL
    RETURNING last_seq - ({COUNT}) AS base
)
"""
RESULT = f"""
WITH fence AS (
    UPDATE runs SET last_seq = last_seq + {COUNT}, attempt = 0
    WHERE run_id = $1 AND epoch = $2 AND status = 'running'
    RETURNING last_seq - ({COUNT}) AS base
)
"""

BEGIN_STEP = f"""{INTENT}{ROWS}
, step AS (
    INSERT INTO steps (run_id, step_no, epoch, state, message_id, llm_response_id, input_hash, price_version, held,
                       hold_ordinal, prompt_tokens)
    SELECT $1, $8, $2, 'started', $9, $10, $11, $12, $13, $14, $15 FROM fence
    ON CONFLICT (run_id, step_no) DO UPDATE
        SET epoch = excluded.epoch, llm_response_id = excluded.llm_response_id, input_hash = excluded.input_hash,
            price_version = excluded.price_version, held = excluded.held, hold_ordinal = excluded.hold_ordinal,
            prompt_tokens = excluded.prompt_tokens, started_at = now()
        WHERE steps.state = 'started'
)
SELECT base FROM fence
"""

CALL_ARRAYS = (
    "unnest($8::int[], $9::int[], $10::text[], $11::text[], $12::text[], $13::uuid[], $14::text[], $15::text[])"
    " AS c (step_no, ordinal, tool_call_id, function_name, arguments_json, message_id, text_so_far, reasoning_so_far)"
)
INSERT_CALLS = """
    INSERT INTO calls (run_id, step_no, ordinal, epoch, state, tool_call_id, function_name, arguments_json, message_id,
                       text_so_far, reasoning_so_far)
"""

BEGIN_CALLS = f"""{INTENT}{ROWS}
, call AS ({INSERT_CALLS}
    SELECT $1, c.step_no, c.ordinal, $2, 'started', c.tool_call_id, c.function_name, c.arguments_json, c.message_id,
           c.text_so_far, c.reasoning_so_far
    FROM fence, {CALL_ARRAYS}
    ON CONFLICT (run_id, step_no, ordinal) DO UPDATE SET state = 'started', epoch = excluded.epoch, started_at = now()
        WHERE calls.state = 'planned'
)
SELECT base FROM fence
"""

FINISH_STEP = f"""{RESULT}{ROWS}
, step AS (
    UPDATE steps SET state = 'done', epoch = $2, finish_reason = $17, text = $18, reasoning = $19, cost = $20,
                     done_at = now()
    FROM fence WHERE steps.run_id = $1 AND steps.step_no = $16 AND steps.state = 'started'
), call AS ({INSERT_CALLS}
    SELECT $1, c.step_no, c.ordinal, $2, 'planned', c.tool_call_id, c.function_name, c.arguments_json, c.message_id,
           c.text_so_far, c.reasoning_so_far
    FROM fence, {CALL_ARRAYS}
    ON CONFLICT (run_id, step_no, ordinal) DO NOTHING
), dropped AS (
    DELETE FROM calls USING fence
    WHERE calls.run_id = $1 AND calls.step_no = $16 AND calls.ordinal = ANY($21::int[]) AND calls.state <> 'done'
)
SELECT base FROM fence
"""

FINISH_CALLS = f"""{RESULT}{ROWS}
, call AS (
    UPDATE calls SET state = 'done', epoch = $2, success = c.success, output_json = c.output_json, error = c.error,
                     content = c.content, terminating = c.terminating, done_at = now()
    FROM fence, unnest($8::int[], $9::int[], $10::bool[], $11::text[], $12::text[], $13::text[], $14::bool[])
        AS c (step_no, ordinal, success, output_json, error, content, terminating)
    WHERE calls.run_id = $1 AND calls.step_no = c.step_no AND calls.ordinal = c.ordinal AND calls.state <> 'done'
)
SELECT base FROM fence
"""

FINISH_RUN = f"""
WITH fence AS (
    UPDATE runs SET last_seq = last_seq + {COUNT}, status = $8, error = $9, error_code = $10, end_reason = $11,
                    completed_at = now(), owner = NULL, lease_until = NULL,
                    steps = (SELECT count(*) FROM steps WHERE steps.run_id = $1)
    WHERE run_id = $1 AND epoch = $2 AND status = 'running'
    RETURNING last_seq - ({COUNT}) AS base, thread_id
)
{ROWS}
SELECT EXISTS (SELECT 1 FROM runs WHERE runs.thread_id = fence.thread_id AND runs.status = 'queued') AS more FROM fence
"""

STEP_COLUMNS = (
    "step_no, epoch, state, message_id, llm_response_id, price_version, held, hold_ordinal, finish_reason, text,"
    " reasoning, cost, prompt_tokens"
)
CALL_COLUMNS = (
    "step_no, ordinal, state, tool_call_id, function_name, arguments_json, message_id, text_so_far, reasoning_so_far,"
    " success, output_json, error, content, terminating"
)
WHY_NOT = """
SELECT stop_requested_at, stop_reason FROM runs WHERE run_id = $1 AND epoch = $2 AND status = 'running'
"""


class PostgresJournal:
    """JournalStore in Postgres."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self, run_id: UUID) -> Journal:
        steps = await self._database.fetch(
            f"SELECT {STEP_COLUMNS} FROM steps WHERE run_id = $1 ORDER BY step_no", run_id
        )
        calls = await self._database.fetch(
            f"SELECT {CALL_COLUMNS} FROM calls WHERE run_id = $1 ORDER BY step_no, ordinal", run_id
        )
        owed = await self._database.fetch(
            "SELECT seq, kind, payload FROM outbox WHERE run_id = $1 AND delivered_at IS NULL ORDER BY seq", run_id
        )
        return Journal(
            steps=tuple(decode_step(row) for row in steps),
            calls=tuple(decode_call(row) for row in calls),
            owed=tuple(OwedRow(row["seq"], row["kind"], row["payload"]) for row in owed),
        )

    async def begin_step(self, fence: Fence, step: StepRecord, input_hash: bytes, writes: Writes) -> int:
        return await self._intent(
            BEGIN_STEP,
            fence,
            writes,
            step.step_no,
            step.message_id,
            step.llm_response_id,
            input_hash,
            step.price_version,
            step.held,
            step.hold_ordinal,
            step.prompt_tokens,
        )

    async def begin_calls(self, fence: Fence, calls: Sequence[CallRecord], writes: Writes) -> int:
        return await self._intent(BEGIN_CALLS, fence, writes, *call_arrays(calls))

    async def finish_step(
        self, fence: Fence, step: StepRecord, planned: Sequence[CallRecord], dropped: Sequence[int], writes: Writes
    ) -> int:
        return await self._result(
            FINISH_STEP,
            fence,
            writes,
            *call_arrays(planned),
            step.step_no,
            step.finish_reason,
            step.text,
            step.reasoning,
            step.cost,
            list(dropped),
        )

    async def finish_calls(self, fence: Fence, calls: Sequence[CallRecord], writes: Writes) -> int:
        return await self._result(
            FINISH_CALLS,
            fence,
            writes,
            [call.step_no for call in calls],
            [call.ordinal for call in calls],
            [call.success for call in calls],
            [call.output_json for call in calls],
            [call.error for call in calls],
            [call.content for call in calls],
            [call.terminating for call in calls],
        )

    async def finish_run(self, fence: Fence, ending: Ending, writes: Writes) -> bool:
        error = ending.message if ending.status == "failed" else None
        row = await self._write(FINISH_RUN, fence, writes, ending.status, error, ending.error_code, ending.reason)
        if row is None:
            raise Fenced
        return bool(row["more"])

    async def recorded(self, fence: Fence, n: int) -> bool:
        return bool(
            await self._database.fetchval(
                "SELECT EXISTS (SELECT 1 FROM events WHERE run_id = $1 AND epoch = $2 AND n = $3)",
                fence.run_id,
                fence.epoch,
                n,
            )
        )

    async def _intent(self, statement: str, fence: Fence, writes: Writes, *values: object) -> int:
        row = await self._write(statement, fence, writes, *values)
        if row is not None:
            base: int = row["base"]
            return base
        run = await self._database.fetchrow(WHY_NOT, fence.run_id, fence.epoch)
        if run is not None and (reason := stop_reason(run)):
            raise StopRequested(reason)
        raise Fenced

    async def _result(self, statement: str, fence: Fence, writes: Writes, *values: object) -> int:
        row = await self._write(statement, fence, writes, *values)
        if row is None:
            raise Fenced
        base: int = row["base"]
        return base

    async def _write(self, statement: str, fence: Fence, writes: Writes, *values: object) -> Record | None:
        return await self._database.fetchrow(
            statement,
            fence.run_id,
            fence.epoch,
            [event.n for event in writes.events],
            [event.payload for event in writes.events],
            [owed.kind for owed in writes.owed],
            [owed.payload for owed in writes.owed],
            fence.account_id,
            *values,
        )


def call_arrays(calls: Sequence[CallRecord]) -> tuple[list[object], ...]:
    """The columns of CALL_ARRAYS."""
    return (
        [call.step_no for call in calls],
        [call.ordinal for call in calls],
        [call.tool_call_id for call in calls],
        [call.function_name for call in calls],
        [call.arguments_json for call in calls],
        [call.message_id for call in calls],
        [call.text_so_far for call in calls],
        [call.reasoning_so_far for call in calls],
    )


def decode_step(row: Record) -> StepRecord:
    """A row of steps."""
    return StepRecord(
        step_no=row["step_no"],
        epoch=row["epoch"],
        state=row["state"],
        message_id=row["message_id"],
        llm_response_id=row["llm_response_id"],
        price_version=row["price_version"],
        held=row["held"],
        hold_ordinal=row["hold_ordinal"],
        finish_reason=row["finish_reason"],
        text=row["text"],
        reasoning=row["reasoning"] or "",
        cost=row["cost"],
        prompt_tokens=row["prompt_tokens"],
    )


def decode_call(row: Record) -> CallRecord:
    """A row of calls."""
    return CallRecord(
        step_no=row["step_no"],
        ordinal=row["ordinal"],
        state=row["state"],
        tool_call_id=row["tool_call_id"],
        function_name=row["function_name"],
        arguments_json=row["arguments_json"],
        message_id=row["message_id"],
        text_so_far=row["text_so_far"],
        reasoning_so_far=row["reasoning_so_far"],
        success=row["success"],
        output_json=row["output_json"] or "null",
        error=row["error"],
        content=row["content"] or "",
        terminating=row["terminating"],
    )
