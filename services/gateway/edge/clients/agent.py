"""Runs and agents at agent."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from mesh.agent.v1 import agents_pb2
from mesh.agent.v1 import runs_pb2 as pb

from services.gateway.edge.codec.views import model_view, run_view
from services.gateway.edge.domain import Json, Started, StartOrder
from services.gateway.edge.ports import EventBatches, Runs, RunStats

if TYPE_CHECKING:  # the asynchronous stubs are names of the type stubs alone
    from mesh.agent.v1.agents_pb2_grpc import AgentsAsyncStub, AgentsInternalAsyncStub
    from mesh.agent.v1.runs_pb2_grpc import AgentInternalAsyncStub, AgentRunsAsyncStub


class AgentClient(Runs):
    """Asks agent."""

    def __init__(
        self,
        as_user: AgentRunsAsyncStub,
        as_gateway: AgentInternalAsyncStub,
        agents: AgentsAsyncStub,
        agent_counts: AgentsInternalAsyncStub,
    ) -> None:
        self._user = as_user
        self._gateway = as_gateway
        self._agents = agents
        self._agent_counts = agent_counts

    async def start(self, order: StartOrder) -> Started:
        answer = await self._user.StartRun(
            pb.StartRunRequest(
                thread_id=order.thread_id,
                project_id=order.project_id,
                prompt=order.prompt,
                model_name=order.model_name,
                agent_id=order.agent_id,
                optimistic=order.optimistic,
                mode=order.mode,
                on_conflict=order.on_conflict,
                memory_enabled=order.memory_enabled,
                idempotency_key=order.idempotency_key,
            )
        )
        return Started(answer.thread_id, answer.agent_run_id, answer.project_id, answer.status)

    def watch(self, run_id: str, last_id: str) -> EventBatches:
        request = pb.WatchRunRequest(agent_run_id=run_id, last_id=last_id)
        return cast(EventBatches, self._user.WatchRun(request))

    async def recent(self, thread_id: str) -> list[Json]:
        answer = await self._gateway.ListRecentRuns(pb.ListRecentRunsRequest(thread_id=thread_id))
        return [run_view(run) for run in answer.runs]

    async def models(self) -> list[Json]:
        answer = await self._gateway.ListModels(pb.ListModelsRequest())
        return [model_view(model) for model in answer.models]

    async def running_count(self, account_id: str) -> int:
        answer = await self._gateway.CountActiveRuns(pb.CountActiveRunsRequest(account_id=account_id))
        return answer.running_count

    async def agent_count(self, account_id: str) -> int:
        answer = await self._agent_counts.CountAgents(agents_pb2.CountAgentsRequest(account_id=account_id))
        return answer.agents

    async def require_agent(self, agent_id: str) -> None:
        await self._agents.GetAgent(agents_pb2.GetAgentRequest(agent_id=agent_id))

    async def stats(self) -> RunStats:
        answer = await self._gateway.GetRunStats(pb.GetRunStatsRequest())
        return RunStats(
            queued=answer.queued,
            running=answer.running,
            oldest_queued_s=answer.oldest_queued_s,
            outbox_pending=answer.outbox_pending,
            orphaned=answer.orphaned,
        )
