"""The only file of threads that knows everything: settings to pools, adapters, use cases, servicers, server."""

from __future__ import annotations

from contextlib import AsyncExitStack

from mesh.agent.v1.runs_pb2_grpc import AgentInternalStub
from mesh.billing.v1.billing_pb2_grpc import BillingInternalStub
from mesh.sandbox.v1.sandbox_pb2_grpc import SandboxInternalStub
from mesh.threads.v1 import threads_pb2_grpc as rpc

from services.kit.channels import Channels, open_channels
from services.kit.clock import SystemClock
from services.kit.ids import RandomIds
from services.kit.migrations import prepare_schema
from services.kit.postgres import open_database
from services.kit.server import Server
from services.kit.tasks import Supervisor
from services.threads.clients.billing import IDEMPOTENT, BillingPlanLimits
from services.threads.clients.neighbours import RpcNeighbours
from services.threads.config import Settings
from services.threads.policy import POLICY
from services.threads.ports import PlanLimits
from services.threads.servicer import ThreadsInternalServicer, ThreadsRestServicer, ThreadsServicer, UseCases
from services.threads.storage.postgres import PostgresThreads
from services.threads.storage.search import PostgresSearch
from services.threads.use_cases.append_messages import AddMessage, AppendMessages
from services.threads.use_cases.check_access import CheckAccess
from services.threads.use_cases.create_thread import CreateProjectThread, CreateThread
from services.threads.use_cases.delete_thread import DeleteProject, DeleteThread
from services.threads.use_cases.deliver_notices import DeliverNotices
from services.threads.use_cases.ensure_thread import EnsureThread
from services.threads.use_cases.get_thread import GetProject, GetThread
from services.threads.use_cases.index_threads import IndexThreads
from services.threads.use_cases.list_messages import ListMessages, LoadContext
from services.threads.use_cases.list_threads import ListThreads
from services.threads.use_cases.search_threads import SearchThreads
from services.threads.use_cases.update_thread import UpdateThread

MIGRATIONS = "services.threads.storage.migrations"


async def build(settings: Settings, stack: AsyncExitStack) -> Server:
    """The service, ready to be started; what must be closed is on the stack."""
    await prepare_schema(settings, MIGRATIONS)
    database = (await stack.enter_async_context(open_database(settings))).by_account()
    channels = await stack.enter_async_context(open_channels(settings))
    store, clock = PostgresThreads(database), SystemClock()
    plans = BillingPlanLimits(
        BillingInternalStub(channels.open("billing", idempotent=IDEMPOTENT)), clock, settings.mesh_plan_cache_s
    )
    notices = DeliverNotices(store, _neighbours(channels), settings.mesh_notice_poll_s)
    search = PostgresSearch(database)
    use = _use_cases(store, search, plans, notices)
    tasks = await stack.enter_async_context(Supervisor())
    tasks.start("notices", notices.run)
    tasks.start("search", IndexThreads(search, settings.mesh_search_poll_s).run)
    server = Server(settings, POLICY)
    rpc.add_ThreadsServicer_to_server(ThreadsServicer(use), server)
    rpc.add_ThreadsRestServicer_to_server(ThreadsRestServicer(use), server)
    rpc.add_ThreadsInternalServicer_to_server(ThreadsInternalServicer(use), server)
    server.check("postgres", database.ping)
    return server


def _neighbours(channels: Channels) -> RpcNeighbours:
    return RpcNeighbours(AgentInternalStub(channels.open("agent")), SandboxInternalStub(channels.open("sandbox")))


def _use_cases(store: PostgresThreads, search: PostgresSearch, plans: PlanLimits, notices: DeliverNotices) -> UseCases:
    ids = RandomIds()
    ensure = EnsureThread(store, plans, ids)
    return UseCases(
        create_thread=CreateThread(ensure, ids),
        create_project_thread=CreateProjectThread(store, ensure, ids),
        ensure_thread=ensure,
        get_thread=GetThread(store),
        get_project=GetProject(store),
        list_threads=ListThreads(store, SystemClock()),
        search_threads=SearchThreads(search),
        update_thread=UpdateThread(store),
        delete_thread=DeleteThread(store, notices),
        delete_project=DeleteProject(store, store, notices),
        list_messages=ListMessages(store, store),
        load_context=LoadContext(store),
        add_message=AddMessage(store, store, ids),
        append_messages=AppendMessages(store),
        check_access=CheckAccess(store),
        store=store,
    )
