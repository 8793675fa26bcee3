"""The edge, put together: settings, channels, clients, use cases, servicer, server."""

from __future__ import annotations

import socket
from contextlib import AsyncExitStack

from grpc_health.v1.health_pb2_grpc import HealthStub
from mesh.agent.v1.agents_pb2_grpc import AgentsInternalStub, AgentsStub
from mesh.agent.v1.runs_pb2_grpc import AgentInternalStub, AgentRunsStub
from mesh.billing.v1.billing_pb2_grpc import BillingInternalStub, BillingStub
from mesh.gateway.v1.docs_pb2_grpc import add_DocsServicer_to_server
from mesh.gateway.v1.edge_pb2_grpc import add_EdgeServicer_to_server
from mesh.sandbox.v1.sandbox_pb2_grpc import SandboxesStub
from mesh.threads.v1.threads_pb2_grpc import ThreadsInternalStub, ThreadsStub

from services.gateway.config import Settings
from services.gateway.edge.clients.agent import AgentClient
from services.gateway.edge.clients.billing import BillingClient, Roles
from services.gateway.edge.clients.cache import RedisFigures
from services.gateway.edge.clients.neighbours import HealthOfNeighbours
from services.gateway.edge.clients.notices import NoticeFile
from services.gateway.edge.clients.presence import RedisPresences
from services.gateway.edge.clients.sandbox import SandboxClient
from services.gateway.edge.clients.threads import ThreadsClient
from services.gateway.edge.docs_servicer import Docs
from services.gateway.edge.forms import Limits
from services.gateway.edge.reflection import public_services
from services.gateway.edge.servicer import Edge, UseCases
from services.gateway.edge.streams import OpenStreams
from services.gateway.edge.use_cases.create_thread import CreateThread
from services.gateway.edge.use_cases.look_after import LookAfter
from services.gateway.edge.use_cases.prewarm import Prewarm
from services.gateway.edge.use_cases.show_account_state import ShowAccountState
from services.gateway.edge.use_cases.show_project import ShowProject
from services.gateway.edge.use_cases.show_system_status import ShowSystemStatus
from services.gateway.edge.use_cases.show_thread import ShowThread
from services.gateway.edge.use_cases.start_agent_run import StartAgentRun
from services.gateway.edge.use_cases.stream_agent_run import StreamAgentRun
from services.gateway.edge.use_cases.update_presence import UpdatePresence
from services.gateway.edge.use_cases.upload_file import UploadFile
from services.gateway.policies import load_rules
from services.gateway.policy import POLICY
from services.kit.channels import Channels, open_channels
from services.kit.clock import SystemClock
from services.kit.ids import RandomIds
from services.kit.redis import open_redis
from services.kit.server import Server

_NEIGHBOURS = ("agent", "threads", "billing", "sandbox", "tools")
_MIB = 1024 * 1024


async def build(settings: Settings, stack: AsyncExitStack) -> Server:
    """Everything, not yet serving."""
    clock, ids = SystemClock(), RandomIds()
    channels = await stack.enter_async_context(open_channels(settings, clock))
    redis = await stack.enter_async_context(open_redis(settings))
    streams = OpenStreams(settings.mesh_streams_per_user if settings.limited() else None)
    asked = _Asked(channels)
    looking_after = LookAfter(
        asked.runs,
        asked.neighbours,
        RedisFigures(redis),
        streams,
        clock,
        instance_id=f"{socket.gethostname()}-{ids()[:8]}",
    )
    server = Server(settings, POLICY, roles=asked.roles, reflected=public_services(), clock=clock, ids=ids)
    settings.spool().mkdir(mode=0o700, parents=True, exist_ok=True)
    limits = Limits(
        body=settings.mesh_max_upload_mb * _MIB, patience_s=settings.mesh_body_patience_s, folder=settings.spool()
    )
    use_cases = UseCases(
        start_agent_run=StartAgentRun(asked.threads, asked.sandboxes, asked.runs, ids),
        stream_agent_run=StreamAgentRun(asked.runs, streams),
        create_thread=CreateThread(asked.threads),
        show_thread=ShowThread(asked.threads, asked.runs, asked.sandboxes),
        show_project=ShowProject(asked.threads, asked.sandboxes),
        show_account_state=ShowAccountState(asked.billing, asked.runs, asked.threads),
        upload_file=UploadFile(asked.sandboxes),
        update_presence=UpdatePresence(RedisPresences(redis), settings.mesh_presence_s),
        show_system_status=ShowSystemStatus(NoticeFile(settings.status_file())),
        prewarm=Prewarm(asked.billing, asked.runs, asked.threads),
        look_after=looking_after,
    )
    add_EdgeServicer_to_server(Edge(use_cases, limits, clock), server)
    add_DocsServicer_to_server(Docs(), server)
    server.on_drain(streams.end_all)
    return server


class _Asked:
    """The neighbours: public RPCs with the user's own token, internal ones with the gateway's."""

    def __init__(self, channels: Channels) -> None:
        own = {name: channels.open(name, idempotent=_repeatable(name)) for name in _NEIGHBOURS}
        user = {name: channels.open(name, idempotent=_repeatable(name), forward=True) for name in _NEIGHBOURS}
        self.threads = ThreadsClient(ThreadsStub(user["threads"]), ThreadsInternalStub(own["threads"]))
        self.runs = AgentClient(
            AgentRunsStub(user["agent"]),
            AgentInternalStub(own["agent"]),
            AgentsStub(user["agent"]),
            AgentsInternalStub(own["agent"]),
        )
        self.sandboxes = SandboxClient(SandboxesStub(user["sandbox"]))
        self.billing = BillingClient(BillingStub(user["billing"]))
        self.roles = Roles(BillingInternalStub(own["billing"]))
        self.neighbours = HealthOfNeighbours({name: HealthStub(channel) for name, channel in own.items()})


def _repeatable(service: str) -> tuple[str, ...]:
    """What gRPC may repeat while that service restarts, by its own table."""
    return tuple(
        method for method, rule in load_rules().items() if rule.idempotent and method.startswith(f"/mesh.{service}.")
    )
