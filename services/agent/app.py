"""The only file that knows everything: what each role is made of.

`api` admits runs and serves viewers, `worker` executes runs, `all` is both in one process.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Literal
from uuid import uuid4

from mesh.agent.v1 import admin_pb2_grpc, agents_pb2_grpc
from mesh.agent.v1.runs_pb2_grpc import add_AgentInternalServicer_to_server, add_AgentRunsServicer_to_server

from services.agent.admin_servicer import AdminUseCases, AgentAdminRestServicer, AgentAdminServicer
from services.agent.agents_servicer import (
    AgentsInternalServicer,
    AgentsRestServicer,
    AgentsServicer,
    AgentUseCases,
)
from services.agent.clients import billing as billing_client
from services.agent.clients import threads as threads_client
from services.agent.clients import tools as tools_client
from services.agent.config import Settings
from services.agent.domain.operations import ProcessState
from services.agent.domain.run import Claim
from services.agent.engine.backpressure import BackpressureController, TokenBucket, Vitals
from services.agent.engine.conversation import ContextManager, PromptManager
from services.agent.engine.coordinator import StatelessCoordinator
from services.agent.engine.execution import Parts
from services.agent.engine.heartbeat import HeartbeatSettings
from services.agent.engine.policy import ToolPolicy
from services.agent.engine.recovery import RunRecovery
from services.agent.llm import litellm_library
from services.agent.llm.registry import ModelRegistry
from services.agent.models import model_settings
from services.agent.policy import POLICY, WORKER_POLICY
from services.agent.servicer import AgentInternalServicer, AgentRunsServicer
from services.agent.storage.postgres.agents import PostgresAgents
from services.agent.storage.postgres.events import PostgresEvents
from services.agent.storage.postgres.journal import PostgresJournal
from services.agent.storage.postgres.leases import PostgresLeases
from services.agent.storage.postgres.operations import PostgresOperations
from services.agent.storage.postgres.outbox import PostgresOutbox
from services.agent.storage.postgres.ownership import PostgresOwnership
from services.agent.storage.postgres.runs import PostgresRuns
from services.agent.stream.announce import EndAnnouncer
from services.agent.stream.cleanup import StreamCleanup
from services.agent.stream.hints import Hints
from services.agent.stream.hub import Hub
from services.agent.stream.publisher import RunPublisher
from services.agent.stream.rate_limiter import RateLimiter
from services.agent.stream.raw import AnsweringBytes
from services.agent.stream.reader import Reader
from services.agent.stream.recall import TailRecall
from services.agent.stream.tail import Tail
from services.agent.stream.wal import StreamWal
from services.agent.stream.wire import Wire
from services.agent.use_cases.create_agent import CreateAgent
from services.agent.use_cases.dead_letters import DeadLetters
from services.agent.use_cases.default_agent import DefaultAgent
from services.agent.use_cases.delete_agent import DeleteAgent
from services.agent.use_cases.deliver_owed import DeliverOwed
from services.agent.use_cases.end_run import EndRun
from services.agent.use_cases.figures import figures_of
from services.agent.use_cases.get_agent import GetAgent
from services.agent.use_cases.inspect_runs import InspectRuns
from services.agent.use_cases.list_agents import ListAgents
from services.agent.use_cases.list_runs import ListRuns
from services.agent.use_cases.mark_delivered import DeliveredMarks
from services.agent.use_cases.opening import Opening
from services.agent.use_cases.prune import Prune
from services.agent.use_cases.queue_gauge import EVERY_S, UNHURRIED_S, QueueGauge
from services.agent.use_cases.relay_outbox import RelayOutbox
from services.agent.use_cases.report_process import ReportProcess, breaker_states
from services.agent.use_cases.see_run import SeeRun
from services.agent.use_cases.show_pipeline import ShowPipeline
from services.agent.use_cases.start_run import StartRun, StartSettings
from services.agent.use_cases.steer_run import SteerRun
from services.agent.use_cases.stop_run import StopRun
from services.agent.use_cases.sweep_runs import SweepRuns
from services.agent.use_cases.update_agent import UpdateAgent
from services.agent.use_cases.watch_run import WatchRun
from services.agent.use_cases.watch_stale_runs import WatchStaleRuns
from services.agent.use_cases.write_buffer import WriteBuffer
from services.kit.channels import open_channels
from services.kit.circuit_breaker import CircuitBreaker
from services.kit.clock import SystemClock
from services.kit.lifecycle import Build
from services.kit.migrations import prepare_schema
from services.kit.policy import RoleLookup
from services.kit.postgres import Database, open_database
from services.kit.redis import open_redis
from services.kit.server import Server
from services.kit.tasks import Supervisor

Role = Literal["api", "worker", "all"]
CLAIMED_AT_ONCE = 16
REDIS_WITHIN_S = 0.25
"""Hints and windows of starts are waited for no longer: what is durable is answered though Redis hangs."""
MIGRATIONS = "services.agent.storage.migrations"


@dataclass(frozen=True, slots=True)
class Shared:
    """What both roles stand on."""

    settings: Settings
    clock: SystemClock
    database: Database
    tasks: Supervisor
    wire: Wire
    hints: Hints
    limiter: RateLimiter
    threads: threads_client.ThreadsClient
    billing: billing_client.BillingClient
    roles: RoleLookup
    tools: tools_client.ToolsClient
    models: ModelRegistry
    marks: DeliveredMarks
    relay: RelayOutbox
    reports: WriteBuffer[ProcessState]
    source: str
    """This process, as rows name it."""
    breakers: Callable[[], list[CircuitBreaker]]

    def end_run(self) -> EndRun:
        """Ends runs from outside."""
        return EndRun(
            PostgresOwnership(self.database),
            PostgresJournal(self.database),
            self.tools,
            self.hints,
            EndAnnouncer(self.wire),
            DeliverOwed(self.threads, self.billing, PostgresOutbox(self.database), self.marks),
            self.clock.now,
        )


def build_role(role: Role) -> Build[Settings]:
    """`build` of one role."""

    async def build(settings: Settings, stack: AsyncExitStack) -> Server:
        shared = await _shared(settings, stack)
        server = Server(settings, WORKER_POLICY if role == "worker" else POLICY, roles=_roles(role, shared))
        pace = UNHURRIED_S if role == "worker" else EVERY_S
        queue = QueueGauge(PostgresRuns(shared.database), settings.mesh_queue_limit, pace)
        shared.tasks.start("queue", queue.run)
        coordinator = _coordinator(shared, server, queue) if role != "api" else None
        if role != "worker":
            _serve_api(shared, server, queue, coordinator if role == "all" else None)
        feel = _report(role, shared, server, queue, coordinator)
        server.figures(lambda: list(figures_of(feel(), queue.last if role != "worker" else None)))
        if coordinator is not None:
            coordinator.start(shared.hints)
            shared.tasks.start("streams.mend", StreamCleanup(shared.wire).run)
            server.on_drain(lambda: coordinator.drain(settings.mesh_drain_s))
            if shared.models.default_needs_litellm:
                server.on_ready(lambda: shared.tasks.start_once("litellm", litellm_library.warm))
        server.on_drain(shared.marks.flush)
        server.check("postgres", shared.database.ping)
        return server

    return build


async def _shared(settings: Settings, stack: AsyncExitStack) -> Shared:
    clock = SystemClock()
    database = await stack.enter_async_context(open_database(settings))
    await prepare_schema(settings, MIGRATIONS)
    redis = await stack.enter_async_context(open_redis(settings, within_s=REDIS_WITHIN_S, read_timeout_s=15))
    channels = await stack.enter_async_context(open_channels(settings, clock))
    models = ModelRegistry(model_settings(settings))
    stack.push_async_callback(models.aclose)
    tasks = await stack.enter_async_context(Supervisor())
    assert settings.redis_url is not None
    wire = Wire(settings.redis_url.get_secret_value())
    threads = threads_client.ThreadsClient(channels.open("threads", idempotent=threads_client.IDEMPOTENT), clock)
    billing = billing_client.BillingClient(channels.open("billing", idempotent=billing_client.IDEMPOTENT))
    # Who is an operator is asked past the breaker that starts and charges have opened: they come to close it.
    roles = billing_client.BillingClient(
        channels.open("billing", idempotent=billing_client.IDEMPOTENT, breaker="billing-roles")
    )
    tools = tools_client.ToolsClient(channels.open("tools", idempotent=tools_client.IDEMPOTENT), clock)
    outbox = PostgresOutbox(database)
    marks = DeliveredMarks(outbox)
    tasks.start("redis.wire", wire.run)
    tasks.start("outbox.marks", marks.run)
    hints = Hints(redis)
    relay, operations = RelayOutbox(outbox, threads, billing), PostgresOperations(database)
    reports = WriteBuffer(operations.write)
    tasks.start("outbox.relay", relay.run)
    tasks.start("prune", Prune(outbox, operations, settings.mesh_retention_days).run)
    tasks.start("reports.write", reports.run)
    tasks.start("hints.give", hints.run)

    def breakers() -> list[CircuitBreaker]:
        return [redis.breaker, *channels.breakers.values(), *models.breakers.all]

    return Shared(
        settings,
        clock,
        database,
        tasks,
        wire,
        hints,
        RateLimiter(redis, settings.starts_per_minute),
        threads,
        billing,
        roles,
        tools,
        models,
        marks,
        relay,
        reports,
        f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}",
        breakers,
    )


def _roles(role: Role, shared: Shared) -> RoleLookup | None:
    return None if role == "worker" else shared.roles


def _report(
    role: Role, shared: Shared, server: Server, queue: QueueGauge, worker: StatelessCoordinator | None
) -> Callable[[], ProcessState]:
    """This process tells how it is, and closes its circuit breakers when an operator wants that. Gives how it feels."""

    def feel() -> ProcessState:
        mean, worst = shared.reports.latencies_ms
        return ProcessState(
            source=shared.source,
            at=None,
            memory_share=server.memory.share,
            loop_lag_s=server.loop_lag.last_s,
            buffered_rows=shared.reports.pending,
            flush_mean_ms=mean,
            flush_p99_ms=worst,
            rejected=queue.refused,
            unwritten=worker.unwritten if worker else 0,
            breakers=breaker_states(shared.breakers()),
            work=worker.state if worker else None,
            starts=None if role == "worker" else shared.limiter.state,
        )

    report = ReportProcess(feel, shared.reports, shared.settings.mesh_report_s)

    async def hear_resets() -> None:
        async for _ in shared.hints.resets():
            for breaker in shared.breakers():
                breaker.reset()
            report.wake()

    shared.tasks.start("report", report.run)
    shared.tasks.start("hints.reset", hear_resets)
    return feel


def _coordinator(shared: Shared, server: Server, queue: QueueGauge) -> StatelessCoordinator:
    settings, clock = shared.settings, shared.clock
    backpressure = BackpressureController(
        settings.mesh_run_slots,
        TokenBucket(settings.mesh_claims_per_s, settings.mesh_run_slots, clock),
        lambda: Vitals(server.loop_lag.last_s, server.memory.share, queue.last.head_s),
        CLAIMED_AT_ONCE,
    )

    def publisher(claim: Claim, tasks: Supervisor, fenced: Callable[[], None]) -> RunPublisher:
        made = RunPublisher(Tail(shared.wire, claim.run_id), claim.epoch, clock, fenced)
        made.start(tasks)
        return made

    parts = Parts(
        ownership=PostgresOwnership(shared.database),
        journal=PostgresJournal(shared.database),
        outbox=PostgresOutbox(shared.database),
        threads=shared.threads,
        billing=shared.billing,
        tools=shared.tools,
        recall=TailRecall(shared.wire),
        wal=StreamWal(shared.wire, settings.mesh_wal_retention_s),
        models=shared.models,
        context=ContextManager(shared.threads, PromptManager()),
        hints=shared.hints,
        announce=EndAnnouncer(shared.wire),
        publisher=publisher,
        mark=shared.marks,
        new_id=uuid4,
        now=clock.now,
        tool_policy=ToolPolicy(settings.agent_execute_on_stream, settings.agent_tool_execution_strategy),
        native_tools=settings.agent_native_tool_calling,
        reasoning_effort=settings.mesh_reasoning_effort,
        max_output_tokens=settings.mesh_max_output_tokens,
    )
    return StatelessCoordinator(
        shared.source,
        parts,
        HeartbeatSettings(settings.mesh_heartbeat_s, settings.mesh_lease_ttl_s, settings.mesh_loop_stall_s),
        lambda: PostgresLeases(settings),
        RunRecovery(parts.ownership, shared.end_run(), settings.mesh_sweep_s, settings.mesh_lease_ttl_s),
        backpressure=backpressure,
        sweep_s=settings.mesh_sweep_s,
        tasks=shared.tasks,
    )


def _serve_api(shared: Shared, server: Server, queue: QueueGauge, executes: StatelessCoordinator | None) -> None:
    """Registers the RPCs. `executes`: the worker in this process, for the placement without a queue."""
    settings, clock = shared.settings, shared.clock
    store = PostgresRuns(shared.database)
    see = SeeRun(store, shared.threads)
    runs = ListRuns(store, see)
    stop = StopRun(store, see, shared.tools, shared.hints, EndAnnouncer(shared.wire), clock.now)
    start = StartRun(
        store,
        shared.threads,
        shared.billing,
        shared.tools,
        shared.models,
        shared.hints.work_soon,
        Opening(shared.threads, shared.marks, clock.now),
        DefaultAgent(PostgresAgents(shared.database.by_account()), uuid4),
        queue,
        shared.limiter,
        stop.interrupt,
        StartSettings(
            settings.mesh_max_steps,
            settings.mesh_run_timeout_s,
            settings.mesh_on_conflict,
            lease_s=settings.mesh_lease_ttl_s,
        ),
        uuid4,
        clock.now,
        None if settings.use_stateless_pipeline else executes,
    )
    watch = WatchRun(see, Reader(PostgresEvents(shared.database), Hub(shared.wire, shared.tasks)))
    server.on_drain(watch.leave)
    add_AgentRunsServicer_to_server(  # WatchRun forwards what Redis holds, unparsed
        AgentRunsServicer(start, stop, see, runs, watch),
        AnsweringBytes(server, "WatchRun"),  # type: ignore[arg-type]
    )
    add_AgentInternalServicer_to_server(AgentInternalServicer(shared.models, runs, stop, store), server)
    _serve_agents(shared, server)
    _serve_admin(shared, server)


def _serve_agents(shared: Shared, server: Server) -> None:
    store = PostgresAgents(shared.database.by_account())
    default_agent, get = DefaultAgent(store, uuid4), GetAgent(store)
    use = AgentUseCases(
        list=ListAgents(store, default_agent),
        get=get,
        create=CreateAgent(store, shared.billing, default_agent, uuid4, shared.clock.now),
        update=UpdateAgent(store, get, uuid4),
        delete=DeleteAgent(store),
    )
    agents_pb2_grpc.add_AgentsServicer_to_server(AgentsServicer(use), server)
    agents_pb2_grpc.add_AgentsRestServicer_to_server(AgentsRestServicer(use), server)
    agents_pb2_grpc.add_AgentsInternalServicer_to_server(AgentsInternalServicer(store), server)


def _serve_admin(shared: Shared, server: Server) -> None:
    settings, store, runs = shared.settings, PostgresOperations(shared.database), PostgresRuns(shared.database)
    wal, end = StreamWal(shared.wire, settings.mesh_wal_retention_s), shared.end_run()
    recovery = RunRecovery(PostgresOwnership(shared.database), end, settings.mesh_sweep_s, settings.mesh_lease_ttl_s)
    leaving = asyncio.Event()

    async def leave() -> None:
        leaving.set()

    server.on_drain(leave)
    shared.tasks.start("runs.stale", WatchStaleRuns(store).run)
    use = AdminUseCases(
        pipeline=ShowPipeline(store, wal, shared.hints, settings.mesh_report_s),
        inspect=InspectRuns(store, settings.mesh_lease_ttl_s),
        steer=SteerRun(runs, store, end, shared.hints),
        sweep=SweepRuns(
            store, recovery, StreamCleanup(shared.wire), shared.relay, shared.hints, settings.mesh_lease_ttl_s
        ),
        letters=DeadLetters(store),
        now=shared.clock.now,
        leaving=leaving.is_set,
    )
    admin_pb2_grpc.add_AgentAdminServicer_to_server(AgentAdminServicer(use), server)
    admin_pb2_grpc.add_AgentAdminRestServicer_to_server(AgentAdminRestServicer(use), server)
