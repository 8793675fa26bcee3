"""Rows to domain values."""

from __future__ import annotations

from uuid import UUID

import orjson

from services.agent.domain.run import Claim, Price, Run, RunSpec, StopReason
from services.agent.domain.versions import known
from services.kit.postgres import Record

RUN_COLUMNS = (
    "run_id, account_id, thread_id, project_id, agent_id, agent_version_id, turn, model, status, epoch, created_at,"
    " deadline, started_at, completed_at, error, error_code, steps"
)


def decode_run(row: Record) -> Run:
    """A row with RUN_COLUMNS."""
    return Run(
        run_id=row["run_id"],
        account_id=row["account_id"],
        thread_id=row["thread_id"],
        project_id=row["project_id"],
        agent_id=row["agent_id"],
        agent_version_id=row["agent_version_id"],
        turn=row["turn"],
        model=row["model"],
        status=row["status"],
        epoch=row["epoch"],
        created_at=row["created_at"],
        deadline=row["deadline"],
        started_at=row["started_at"],
        completed_at=row["completed_at"],
        error=row["error"],
        error_code=row["error_code"],
        steps=row["steps"],
    )


def encode_spec(spec: RunSpec) -> str:
    """A spec as JSON."""
    return orjson.dumps(spec).decode()


def decode_spec(text: str) -> RunSpec:
    """The spec of `encode_spec`, an older or a newer version's too: what is missing has its default, and what is not
    known here is left out."""
    values = known(RunSpec, orjson.loads(text))
    values["price"] = Price(**known(Price, values["price"]))
    values["prompt_message_id"] = UUID(values["prompt_message_id"])
    if "scopes" in values:
        values["scopes"] = tuple(values["scopes"])
    return RunSpec(**values)


def stop_reason(row: Record) -> StopReason | None:
    """Why a run should end; None: nobody asked."""
    return (row["stop_reason"] or "user") if row["stop_requested_at"] else None


def decode_claim(row: Record) -> Claim:
    """A row of the claim statement."""
    return Claim(
        run=decode_run(row),
        spec=decode_spec(row["spec"]),
        stop_reason=stop_reason(row),
        attempt=row["attempt"],
        seconds_left=row["seconds_left"],
    )
