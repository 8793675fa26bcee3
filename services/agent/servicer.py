"""The agent's RPCs: decode, one use case, encode."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, cast
from uuid import UUID

import grpc
from mesh.agent.v1 import runs_pb2, runs_pb2_grpc

from services.agent.codec.runs import (
    decode_page_token,
    encode_model,
    encode_row,
    encode_run,
    encode_stats,
    encode_summary,
)
from services.agent.domain.run import OnConflict, rest_status
from services.agent.llm.registry import ModelRegistry
from services.agent.ports import RunStore
from services.agent.use_cases.list_runs import ListRuns
from services.agent.use_cases.see_run import SeeRun
from services.agent.use_cases.start_run import Start, StartRun
from services.agent.use_cases.stop_run import StopRun
from services.agent.use_cases.watch_run import WatchRun
from services.kit.context import current_caller

Context = grpc.aio.ServicerContext[Any, Any]


def _account() -> UUID:
    return UUID(current_caller().account_id)


def _viewer() -> UUID | None:
    account_id = current_caller().account_id
    return UUID(account_id) if account_id else None


def _optional(value: str) -> UUID | None:
    return UUID(value) if value else None


class AgentRunsServicer(runs_pb2_grpc.AgentRunsServicer):
    """Runs, for the people who own them."""

    def __init__(self, start: StartRun, stop: StopRun, see: SeeRun, runs: ListRuns, watch: WatchRun) -> None:
        self._start = start
        self._stop = stop
        self._see = see
        self._runs = runs
        self._watch = watch

    async def StartRun(self, request: runs_pb2.StartRunRequest, context: Context) -> runs_pb2.StartRunResponse:
        run = await self._start(decode_start(_account(), request))
        return runs_pb2.StartRunResponse(
            thread_id=str(run.thread_id),
            agent_run_id=str(run.run_id),
            project_id=str(run.project_id),
            status=rest_status(run.status),
        )

    async def StopRun(self, request: runs_pb2.StopRunRequest, context: Context) -> runs_pb2.StopRunResponse:
        run = await self._stop(_account(), UUID(request.agent_run_id))
        return runs_pb2.StopRunResponse(status="stopped" if run.is_active else run.status)

    async def GetRun(self, request: runs_pb2.GetRunRequest, context: Context) -> runs_pb2.GetRunResponse:
        run, _ = await self._see(_account(), UUID(request.agent_run_id))
        return runs_pb2.GetRunResponse(run=encode_run(run))

    async def GetRunStatus(
        self, request: runs_pb2.GetRunStatusRequest, context: Context
    ) -> runs_pb2.GetRunStatusResponse:
        run, _ = await self._see(_account(), UUID(request.agent_run_id))
        return runs_pb2.GetRunStatusResponse(status=rest_status(run.status), error=run.error)

    async def GetRunSummary(
        self, request: runs_pb2.GetRunSummaryRequest, context: Context
    ) -> runs_pb2.GetRunSummaryResponse:
        run, _ = await self._see(_account(), UUID(request.agent_run_id))
        return encode_summary(run)

    async def ListActiveRuns(
        self, request: runs_pb2.ListActiveRunsRequest, context: Context
    ) -> runs_pb2.ListActiveRunsResponse:
        runs = await self._runs.active(_account())
        return runs_pb2.ListActiveRunsResponse(active_runs=[encode_row(run) for run in runs])

    async def ListThreadRuns(
        self, request: runs_pb2.ListThreadRunsRequest, context: Context
    ) -> runs_pb2.ListThreadRunsResponse:
        runs, following = await self._runs.of_thread(
            _account(), UUID(request.thread_id), request.limit, decode_page_token(request.page_token)
        )
        return runs_pb2.ListThreadRunsResponse(
            agent_runs=[encode_row(run) for run in runs], next_page_token=str(following or "")
        )

    def WatchRun(self, request: runs_pb2.WatchRunRequest, context: Context) -> AsyncIterator[Any]:
        return self._watch(_viewer(), UUID(request.agent_run_id), request.last_id)


class AgentInternalServicer(runs_pb2_grpc.AgentInternalServicer):
    """What the other services need of agent."""

    def __init__(self, models: ModelRegistry, runs: ListRuns, stop: StopRun, store: RunStore) -> None:
        self._models = models
        self._runs = runs
        self._stop = stop
        self._store = store

    async def ListModels(self, request: runs_pb2.ListModelsRequest, context: Context) -> runs_pb2.ListModelsResponse:
        models = self._models.list_models()
        return runs_pb2.ListModelsResponse(
            models=[encode_model(model) for model in models], default_model=models[0].id if models else ""
        )

    async def ListRecentRuns(
        self, request: runs_pb2.ListRecentRunsRequest, context: Context
    ) -> runs_pb2.ListRecentRunsResponse:
        runs = await self._runs.recent(UUID(request.thread_id), request.limit)
        return runs_pb2.ListRecentRunsResponse(runs=[encode_row(run) for run in runs])

    async def CountActiveRuns(
        self, request: runs_pb2.CountActiveRunsRequest, context: Context
    ) -> runs_pb2.CountActiveRunsResponse:
        return runs_pb2.CountActiveRunsResponse(running_count=await self._runs.count(UUID(request.account_id)))

    async def StopThreadRuns(
        self, request: runs_pb2.StopThreadRunsRequest, context: Context
    ) -> runs_pb2.StopThreadRunsResponse:
        stopped = await self._stop.threads_deleted([UUID(thread_id) for thread_id in request.thread_ids])
        return runs_pb2.StopThreadRunsResponse(stopped=stopped)

    async def GetRunStats(self, request: runs_pb2.GetRunStatsRequest, context: Context) -> runs_pb2.GetRunStatsResponse:
        return encode_stats(await self._store.stats())


def decode_start(account_id: UUID, request: runs_pb2.StartRunRequest) -> Start:
    """What was asked for."""
    return Start(
        account_id=account_id,
        prompt=request.prompt,
        thread_id=_optional(request.thread_id),
        project_id=_optional(request.project_id),
        model_name=request.model_name or None,
        agent_id=_optional(request.agent_id),
        optimistic=request.optimistic,
        mode=request.mode or None,
        memory_enabled=request.memory_enabled if request.HasField("memory_enabled") else None,
        idempotency_key=request.idempotency_key or None,
        max_steps=request.max_steps or None,
        on_conflict=cast("OnConflict | None", request.on_conflict or None),  # validated
    )
