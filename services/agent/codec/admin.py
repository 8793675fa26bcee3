"""What operators see, to its messages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from google.protobuf.timestamp_pb2 import Timestamp
from mesh.agent.v1 import admin_pb2 as pb

from services.agent.codec.runs import iso
from services.agent.domain.operations import (
    ActiveThread,
    BreakerState,
    DeadLetter,
    Minute,
    ProcessState,
    RunDetail,
    WindowState,
    WorkState,
    level_of,
)
from services.agent.stream.wal import WalStats
from services.agent.use_cases.show_pipeline import Pipeline
from services.agent.use_cases.sweep_runs import Sweep
from services.agent.use_cases.write_buffer import WITHIN_S

SHED_FROM = "critical"


def encode_dashboard(pipeline: Pipeline) -> pb.GetDashboardResponse:
    """Everything at a glance."""
    figures, processes = pipeline.figures, pipeline.processes
    return pb.GetDashboardResponse(
        active_runs=figures.active,
        active_runs_metric=_in_flight(processes),
        owned_runs=figures.owned,
        pending_writes=figures.pending_rows,
        stuck_count=pipeline.stuck,
        runs_started=figures.started,
        runs_completed=figures.completed,
        runs_failed=figures.failed,
        runs_recovered=figures.recovered,
        runs_rejected=sum(process.rejected for process in processes),
        flush_latency_avg=max((process.flush_mean_ms for process in processes), default=0.0),
        flush_latency_p99=max((process.flush_p99_ms for process in processes), default=0.0),
        wal=encode_wal(pipeline.wal, processes),
        dlq=pb.DeadLetterStats(total=figures.dead_letters, runs=figures.dead_runs),
        healthy=pipeline.healthy,
        alerts=pipeline.alerts,
    )


def encode_health(pipeline: Pipeline, *, shutting_down: bool) -> pb.GetHealthResponse:
    """A pipeline that works."""
    figures = pipeline.figures
    return pb.GetHealthResponse(
        healthy=True,
        ready=not shutting_down,
        initialized=True,
        shutting_down=shutting_down,
        flusher=pb.FlusherHealth(pending_writes=figures.pending_rows, oldest_s=figures.oldest_pending_s),
        ownership=pb.OwnershipHealth(workers=len(pipeline.workers), owned_runs=figures.owned),
        recovery=pb.RecoveryHealth(orphaned=figures.orphaned),
    )


def encode_wal(stats: WalStats | None, processes: Sequence[ProcessState]) -> pb.GetWalStatsResponse:
    """What waits for Postgres; of Redis nothing is known while it is away."""
    return pb.GetWalStatsResponse(
        total_pending=stats.entries if stats else 0,
        runs_with_pending=stats.runs if stats else 0,
        local_buffer_runs=sum(process.unwritten for process in processes),
    )


def encode_threads(threads: Sequence[ActiveThread]) -> pb.ListActiveThreadsResponse:
    """Busy threads."""
    shown = [pb.ActiveThread(thread_id=str(t.thread_id), run_id=str(t.run_id), status=t.status) for t in threads]
    return pb.ListActiveThreadsResponse(count=len(shown), threads=shown)


def encode_stuck(runs: Sequence[RunDetail]) -> pb.ListStuckRunsResponse:
    """Runs that do not get on."""
    return pb.ListStuckRunsResponse(runs=[pb.StuckRun(run=_run(run), reason=run.reason) for run in runs])


def _run(run: RunDetail) -> pb.RunDetail:
    return pb.RunDetail(
        run_id=str(run.run_id),
        thread_id=str(run.thread_id),
        owner=run.owner,
        status=run.status,
        heartbeat=_timestamp(run.heartbeat),
        heartbeat_age=run.heartbeat_age,
        start=_timestamp(run.start),
        duration=run.duration,
    )


def encode_detail(run: RunDetail) -> pb.GetRunDetailResponse:
    """One run, in REST's form."""
    return pb.GetRunDetailResponse(
        run_id=str(run.run_id),
        thread_id=str(run.thread_id),
        owner=run.owner,
        status=run.status,
        heartbeat=iso(run.heartbeat),
        heartbeat_age=run.heartbeat_age,
        start=iso(run.start),
        duration=run.duration,
    )


def encode_sweep(sweep: Sweep) -> pb.SweepRunsResponse:
    """What a sweep did."""
    return pb.SweepRunsResponse(
        orphaned=sweep.found.orphaned + sweep.ended,
        recovered=sweep.found.recovered,
        stuck=sweep.found.stuck,
        completed=sweep.ended,
        zombies_cleaned=sweep.streams,
        errors=sweep.errors,
    )


def encode_flush(delivered: Counter[UUID]) -> pb.FlushOutboxResponse:
    """What was delivered."""
    rows = {str(run_id): count for run_id, count in delivered.items() if count}
    return pb.FlushOutboxResponse(runs=len(rows), total=sum(rows.values()), details=rows)


def encode_letters(letters: Sequence[DeadLetter], following: int | None) -> pb.ListDeadLettersResponse:
    """A page of dead letters."""
    return pb.ListDeadLettersResponse(
        entries=[_letter(letter) for letter in letters], next_page_token=str(following or "")
    )


def _letter(letter: DeadLetter) -> pb.DeadLetter:
    return pb.DeadLetter(
        entry_id=str(letter.letter_id),
        run_id=str(letter.run_id),
        write_type=letter.kind,
        error=letter.error,
        attempt_count=letter.attempts,
        created_at=_timestamp(letter.created_at),
        failed_at=_timestamp(letter.failed_at),
        payload=letter.payload,
    )


def encode_breakers(breakers: Sequence[BreakerState]) -> pb.ListCircuitBreakersResponse:
    """By dependency."""
    return pb.ListCircuitBreakersResponse(breakers=[_breaker(breaker) for breaker in breakers])


def _breaker(breaker: BreakerState) -> pb.CircuitBreaker:
    opened_at = datetime.fromisoformat(breaker.opened_at) if breaker.opened_at else None
    return pb.CircuitBreaker(
        name=breaker.name,
        state=breaker.state,
        stats=pb.CircuitStats(**breaker_stats(breaker)),
        opened_at=_timestamp(opened_at),
        retry_after=breaker.retry_after,
    )


def breaker_stats(breaker: BreakerState) -> dict[str, int]:
    """Its counts."""
    return {field.name: getattr(breaker, field.name) for field in pb.CircuitStats.DESCRIPTOR.fields}


def encode_limiters(processes: Sequence[ProcessState]) -> pb.ListRateLimitersResponse:
    """How fast each worker may claim, and how many starts an account's window lets in."""
    return pb.ListRateLimitersResponse(
        limiters=[pb.RateLimiter(name=name, **values) for name, values in limiters(processes).items()]
    )


def limiters(processes: Sequence[ProcessState]) -> dict[str, dict[str, Any]]:
    """The same by name."""
    claims = {f"claims:{process.source}": _bucket(process.work) for process in processes if process.work}
    starts = {f"starts:{process.source}": _window(process.starts) for process in processes if process.starts}
    return claims | starts


def _bucket(work: WorkState) -> dict[str, Any]:
    return {
        "type": "token_bucket",
        "rate": work.claim_rate,
        "capacity": work.claim_burst,
        "current_tokens": work.claim_tokens,
        "total_acquired": work.claimed,
        "total_rejected": work.waited,
    }


def _window(window: WindowState) -> dict[str, Any]:
    return {"type": "sliding_window", **asdict(window)}


def encode_backpressure(pipeline: Pipeline) -> pb.GetBackpressureResponse:
    """Whether the workers take more."""
    level, workers = level_of(pipeline.processes), pipeline.workers
    allowance = sum(worker.work.allowance for worker in workers if worker.work)
    return pb.GetBackpressureResponse(
        level=level,
        pending_writes=pipeline.figures.pending_rows,
        active_runs=_in_flight(pipeline.processes),
        flush_latency_ms=max((worker.flush_mean_ms for worker in workers), default=0.0),
        memory_percent=100 * max((worker.memory_share for worker in workers), default=0.0),
        should_accept_work=allowance > 0,
        should_shed_load=level == SHED_FROM,
        recommended_batch_size=allowance,
        recommended_flush_interval=WITHIN_S,
    )


def encode_history(
    processes: tuple[ProcessState, ...], now: datetime, history: Sequence[Minute], minutes: int
) -> pb.GetMetricsHistoryResponse:
    """Minute by minute, and now."""
    points = [_point(minute) for minute in history]
    return pb.GetMetricsHistoryResponse(current=_point(Minute(now, processes)), history=points, minutes=minutes)


def _point(minute: Minute) -> pb.MetricsPoint:
    processes = minute.processes
    return pb.MetricsPoint(
        timestamp=minute.at.isoformat(),
        workers=sum(process.work is not None for process in processes),
        active_runs=_in_flight(processes),
        pending_writes=max((process.pending_rows for process in processes), default=0),
        runs_rejected=sum(process.rejected for process in processes),
        flush_latency_ms=max((process.flush_mean_ms for process in processes), default=0.0),
        memory_percent=100 * max((process.memory_share for process in processes), default=0.0),
        loop_lag_ms=1000 * max((process.loop_lag_s for process in processes), default=0.0),
    )


def _in_flight(processes: Sequence[ProcessState]) -> int:
    return sum(process.work.in_flight for process in processes if process.work)


def _timestamp(moment: datetime | None) -> Timestamp | None:
    if moment is None:
        return None
    timestamp = Timestamp()
    timestamp.FromDatetime(moment)
    return timestamp
