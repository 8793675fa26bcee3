"""The operators' RPCs: decode, one use case, encode."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import grpc
from google.api.httpbody_pb2 import HttpBody
from mesh.agent.v1 import admin_pb2 as pb
from mesh.agent.v1 import admin_pb2_grpc
from prometheus_client import REGISTRY, generate_latest

from services.agent.codec import admin as codec
from services.agent.codec import admin_rest as rest
from services.agent.codec.runs import decode_page_token
from services.agent.use_cases.dead_letters import DeadLetters
from services.agent.use_cases.inspect_runs import InspectRuns
from services.agent.use_cases.show_pipeline import ShowPipeline
from services.agent.use_cases.steer_run import Steered, SteerRun
from services.agent.use_cases.sweep_runs import SweepRuns
from services.kit.context import current_caller

Context = grpc.aio.ServicerContext[Any, Any]


@dataclass(frozen=True, slots=True)
class AdminUseCases:
    """What operators can do. `leaving`: whether this process was told to end."""

    pipeline: ShowPipeline
    inspect: InspectRuns
    steer: SteerRun
    sweep: SweepRuns
    letters: DeadLetters
    now: Callable[[], datetime]
    leaving: Callable[[], bool]


def _subject() -> UUID:
    return UUID(current_caller().subject)


def _told(steered: Steered) -> dict[str, Any]:
    return {
        "run_id": str(steered.run_id),
        "success": steered.error is None,
        "action": steered.action,
        "message": steered.message,
        "error": steered.error,
    }


class AgentAdminServicer(admin_pb2_grpc.AgentAdminServicer):
    """The pipeline, for operators."""

    def __init__(self, use: AdminUseCases) -> None:
        self._use = use

    async def GetDashboard(self, request: pb.GetDashboardRequest, context: Context) -> pb.GetDashboardResponse:
        return codec.encode_dashboard(await self._use.pipeline.all())

    async def GetHealth(self, request: pb.GetHealthRequest, context: Context) -> pb.GetHealthResponse:
        return codec.encode_health(await self._use.pipeline.health(), shutting_down=self._use.leaving())

    async def ListActiveThreads(
        self, request: pb.ListActiveThreadsRequest, context: Context
    ) -> pb.ListActiveThreadsResponse:
        return codec.encode_threads(await self._use.inspect.active_threads())

    async def ListStuckRuns(self, request: pb.ListStuckRunsRequest, context: Context) -> pb.ListStuckRunsResponse:
        return codec.encode_stuck(await self._use.inspect.stuck(_age(request)))

    async def GetRunDetail(self, request: pb.GetRunDetailRequest, context: Context) -> pb.GetRunDetailResponse:
        return codec.encode_detail(await self._use.inspect.detail(UUID(request.run_id)))

    async def ResumeRun(self, request: pb.ResumeRunRequest, context: Context) -> pb.ResumeRunResponse:
        return pb.ResumeRunResponse(**_told(await self._use.steer.resume(_subject(), UUID(request.run_id))))

    async def CompleteRun(self, request: pb.CompleteRunRequest, context: Context) -> pb.CompleteRunResponse:
        run_id, reason = UUID(request.run_id), request.reason or "admin"
        return pb.CompleteRunResponse(**_told(await self._use.steer.complete(_subject(), run_id, reason)))

    async def FailRun(self, request: pb.FailRunRequest, context: Context) -> pb.FailRunResponse:
        run_id, error = UUID(request.run_id), request.error or "Admin terminated"
        return pb.FailRunResponse(**_told(await self._use.steer.fail(_subject(), run_id, error)))

    async def SweepRuns(self, request: pb.SweepRunsRequest, context: Context) -> pb.SweepRunsResponse:
        return codec.encode_sweep(await self._use.sweep.sweep(_subject()))

    async def FlushOutbox(self, request: pb.FlushOutboxRequest, context: Context) -> pb.FlushOutboxResponse:
        return codec.encode_flush(await self._use.sweep.flush(_subject()))

    async def ListDeadLetters(self, request: pb.ListDeadLettersRequest, context: Context) -> pb.ListDeadLettersResponse:
        before = decode_page_token(request.page_token)
        return codec.encode_letters(*await self._use.letters.page(_run_id(request), before, request.count))

    async def RetryDeadLetter(self, request: pb.RetryDeadLetterRequest, context: Context) -> pb.RetryDeadLetterResponse:
        await self._use.letters.retry(_subject(), int(request.entry_id))
        return pb.RetryDeadLetterResponse(success=True, entry_id=request.entry_id)

    async def DiscardDeadLetter(
        self, request: pb.DiscardDeadLetterRequest, context: Context
    ) -> pb.DiscardDeadLetterResponse:
        await self._use.letters.discard(_subject(), int(request.entry_id))
        return pb.DiscardDeadLetterResponse(success=True, entry_id=request.entry_id)

    async def PurgeDeadLetters(
        self, request: pb.PurgeDeadLettersRequest, context: Context
    ) -> pb.PurgeDeadLettersResponse:
        deleted = await self._use.letters.purge(_subject(), request.older_than_hours)
        return pb.PurgeDeadLettersResponse(deleted=deleted)

    async def GetWalStats(self, request: pb.GetWalStatsRequest, context: Context) -> pb.GetWalStatsResponse:
        pipeline = self._use.pipeline
        return codec.encode_wal(await pipeline.wal_stats(), await pipeline.processes())

    async def ListCircuitBreakers(
        self, request: pb.ListCircuitBreakersRequest, context: Context
    ) -> pb.ListCircuitBreakersResponse:
        return codec.encode_breakers(await self._use.pipeline.breakers())

    async def ResetCircuitBreakers(
        self, request: pb.ResetCircuitBreakersRequest, context: Context
    ) -> pb.ResetCircuitBreakersResponse:
        await self._use.pipeline.reset_breakers(_subject())
        return pb.ResetCircuitBreakersResponse(success=True)

    async def ListRateLimiters(
        self, request: pb.ListRateLimitersRequest, context: Context
    ) -> pb.ListRateLimitersResponse:
        return codec.encode_limiters(await self._use.pipeline.processes())

    async def GetBackpressure(self, request: pb.GetBackpressureRequest, context: Context) -> pb.GetBackpressureResponse:
        return codec.encode_backpressure(await self._use.pipeline.all())

    async def GetMetricsHistory(
        self, request: pb.GetMetricsHistoryRequest, context: Context
    ) -> pb.GetMetricsHistoryResponse:
        history, minutes = await self._use.pipeline.history(request.minutes)
        return codec.encode_history(await self._use.pipeline.processes(), self._use.now(), history, minutes)


class AgentAdminRestServicer(admin_pb2_grpc.AgentAdminRestServicer):
    """The same where REST wants raw bodies."""

    def __init__(self, use: AdminUseCases) -> None:
        self._use = use

    async def ListStuckRuns(self, request: pb.AgentAdminRestListStuckRunsRequest, context: Context) -> HttpBody:
        return rest.stuck_body(await self._use.inspect.stuck(_age(request)))

    async def ListDeadLetters(self, request: pb.AgentAdminRestListDeadLettersRequest, context: Context) -> HttpBody:
        letters, _ = await self._use.letters.page(_run_id(request), None, request.count)
        return rest.letters_body(letters)

    async def ListCircuitBreakers(
        self, request: pb.AgentAdminRestListCircuitBreakersRequest, context: Context
    ) -> HttpBody:
        return rest.breakers_body(await self._use.pipeline.breakers())

    async def ListRateLimiters(self, request: pb.AgentAdminRestListRateLimitersRequest, context: Context) -> HttpBody:
        return rest.limiters_body(await self._use.pipeline.processes())

    async def GetMetrics(self, request: pb.AgentAdminRestGetMetricsRequest, context: Context) -> HttpBody:
        return rest.metrics_body(generate_latest(REGISTRY))


def _age(request: pb.ListStuckRunsRequest | pb.AgentAdminRestListStuckRunsRequest) -> int | None:
    return request.min_age if request.HasField("min_age") else None


def _run_id(request: pb.ListDeadLettersRequest | pb.AgentAdminRestListDeadLettersRequest) -> UUID | None:
    return UUID(request.run_id) if request.run_id else None
