"""Runs and models to their messages, and cursors of pages."""

from __future__ import annotations

from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp
from mesh.agent.v1 import runs_pb2

from services.agent.domain.run import Run, rest_status
from services.agent.llm.registry import ModelInfo
from services.agent.ports import RunStats
from services.kit.errors import InvalidArgument


def encode_run(run: Run) -> runs_pb2.Run:
    """The run, typed."""
    return runs_pb2.Run(
        run_id=str(run.run_id),
        thread_id=str(run.thread_id),
        project_id=str(run.project_id),
        account_id=str(run.account_id),
        agent_id=str(run.agent_id),
        agent_version_id=str(run.agent_version_id),
        model_name=run.model,
        status=run.status,
        error=run.error,
        error_code=run.error_code,
        created_at=_timestamp(run.created_at),
        started_at=_timestamp(run.started_at),
        completed_at=_timestamp(run.completed_at),
        epoch=run.epoch,
        steps=run.steps,
    )


def encode_row(run: Run) -> runs_pb2.RunRow:
    """The run in REST's words."""
    return runs_pb2.RunRow(
        id=str(run.run_id),
        thread_id=str(run.thread_id),
        status=rest_status(run.status),
        started_at=iso(run.started_at or run.created_at),
        completed_at=iso(run.completed_at),
        error=run.error,
        agent_id=str(run.agent_id),
        agent_version_id=str(run.agent_version_id),
        created_at=run.created_at.isoformat(),
        model_name=run.model,
    )


def encode_summary(run: Run) -> runs_pb2.GetRunSummaryResponse:
    """The run in the camel-case form."""
    return runs_pb2.GetRunSummaryResponse(
        id=str(run.run_id),
        threadId=str(run.thread_id),
        status=rest_status(run.status),
        startedAt=iso(run.started_at or run.created_at),
        completedAt=iso(run.completed_at),
        error=run.error,
    )


def encode_stats(stats: RunStats) -> runs_pb2.GetRunStatsResponse:
    """Figures."""
    return runs_pb2.GetRunStatsResponse(
        queued=stats.queued,
        running=stats.running,
        oldest_queued_s=stats.oldest_queued_s,
        outbox_pending=stats.outbox_pending,
        orphaned=stats.orphaned,
    )


def encode_model(model: ModelInfo) -> runs_pb2.Model:
    """A model as account-state shows it."""
    return runs_pb2.Model(
        id=model.id,
        name=model.name,
        provider=model.provider,
        allowed=model.allowed,
        context_window=model.context_window,
        capabilities=model.capabilities,
        priority=model.priority,
        recommended=model.recommended,
    )


def stream_header(run: Run) -> bytes:
    """The serialized WatchRunResponse that opens a stream."""
    return runs_pb2.WatchRunResponse(run_id=str(run.run_id), thread_id=str(run.thread_id)).SerializeToString()


def decode_page_token(token: str) -> int | None:
    """The turn before which a page begins."""
    if not token:
        return None
    if not token.isdecimal() or len(token) > 9:
        raise InvalidArgument.of("page_token", "is not one that a page ended with")
    return int(token)


def iso(moment: datetime | None) -> str | None:
    """ISO 8601."""
    return moment.isoformat() if moment else None


def _timestamp(moment: datetime | None) -> Timestamp | None:
    if moment is None:
        return None
    timestamp = Timestamp()
    timestamp.FromDatetime(moment)
    return timestamp
