"""The edge of agents: decode, one use case, encode."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from google.api.httpbody_pb2 import HttpBody
from mesh.agent.v1 import agents_pb2 as pb
from mesh.agent.v1 import agents_pb2_grpc as rpc

from services.agent.codec.agents import decode_fields, decode_key, encode_agent, encode_agent_page
from services.agent.codec.agents_rest import agent_body, agents_body, decode_body, decode_filter
from services.agent.ports import AgentStore
from services.agent.use_cases.create_agent import CreateAgent
from services.agent.use_cases.delete_agent import DeleteAgent
from services.agent.use_cases.get_agent import GetAgent
from services.agent.use_cases.list_agents import ListAgents
from services.agent.use_cases.update_agent import UpdateAgent
from services.kit.context import current_caller

_PAGE = 20


@dataclass(frozen=True, slots=True)
class AgentUseCases:
    """What the servicers call."""

    list: ListAgents
    get: GetAgent
    create: CreateAgent
    update: UpdateAgent
    delete: DeleteAgent


def _account() -> UUID:
    return UUID(current_caller().account_id)


class AgentsServicer(rpc.AgentsServicer):
    """Agents for callers that speak gRPC."""

    def __init__(self, use: AgentUseCases) -> None:
        self._use = use

    async def ListAgents(self, request: pb.ListAgentsRequest, context: Any) -> pb.ListAgentsResponse:
        size = request.page_size or _PAGE
        agents, total = await self._use.list.after(_account(), decode_key(request.page_token), size + 1)
        return encode_agent_page(agents, total, size)

    async def CreateAgent(self, request: pb.CreateAgentRequest, context: Any) -> pb.CreateAgentResponse:
        request_id = UUID(request.request_id) if request.request_id else None
        agent = await self._use.create(_account(), decode_fields(request.agent), request_id)
        return pb.CreateAgentResponse(agent=encode_agent(agent))

    async def GetAgent(self, request: pb.GetAgentRequest, context: Any) -> pb.GetAgentResponse:
        agent = await self._use.get(_account(), UUID(request.agent_id))
        return pb.GetAgentResponse(agent=encode_agent(agent))

    async def UpdateAgent(self, request: pb.UpdateAgentRequest, context: Any) -> pb.UpdateAgentResponse:
        change = decode_fields(request.agent, replace_mcps=request.replace_mcps)
        agent = await self._use.update(_account(), UUID(request.agent_id), change)
        return pb.UpdateAgentResponse(agent=encode_agent(agent))

    async def DeleteAgent(self, request: pb.DeleteAgentRequest, context: Any) -> pb.DeleteAgentResponse:
        await self._use.delete(_account(), UUID(request.agent_id))
        return pb.DeleteAgentResponse(message="Agent deleted")


class AgentsRestServicer(rpc.AgentsRestServicer):
    """Agents as the web client reads and writes them."""

    def __init__(self, use: AgentUseCases) -> None:
        self._use = use

    async def ListAgents(self, request: pb.AgentsRestListAgentsRequest, context: Any) -> HttpBody:
        number, size = request.page or 1, request.limit or _PAGE
        agents, total = await self._use.list.numbered(_account(), decode_filter(request), number, size)
        return agents_body(agents, total, number, size)

    async def CreateAgent(self, request: pb.AgentsRestCreateAgentRequest, context: Any) -> HttpBody:
        return agent_body(await self._use.create(_account(), decode_body(request.body)))

    async def GetAgent(self, request: pb.AgentsRestGetAgentRequest, context: Any) -> HttpBody:
        return agent_body(await self._use.get(_account(), UUID(request.agent_id)))

    async def UpdateAgent(self, request: pb.AgentsRestUpdateAgentRequest, context: Any) -> HttpBody:
        return agent_body(await self._use.update(_account(), UUID(request.agent_id), decode_body(request.body)))


class AgentsInternalServicer(rpc.AgentsInternalServicer):
    """What the other services need of agents."""

    def __init__(self, store: AgentStore) -> None:
        self._store = store

    async def CountAgents(self, request: pb.CountAgentsRequest, context: Any) -> pb.CountAgentsResponse:
        return pb.CountAgentsResponse(agents=await self._store.count(UUID(request.account_id)))
