"""The only file of sandbox that knows everything: settings, provider, tables, use cases, server."""

from __future__ import annotations

import os
from contextlib import AsyncExitStack
from datetime import timedelta

from mesh.sandbox.v1 import history_pb2_grpc, sandbox_pb2_grpc
from mesh.threads.v1.threads_pb2_grpc import ThreadsInternalStub

from services.kit.channels import open_channels
from services.kit.clock import SystemClock
from services.kit.ids import RandomIds
from services.kit.logging import get_logger
from services.kit.migrations import prepare_schema
from services.kit.postgres import open_database
from services.kit.server import Server
from services.kit.tasks import Supervisor
from services.sandbox.clients.threads import IDEMPOTENT, ThreadsProjectAccess
from services.sandbox.config import MIB, Settings
from services.sandbox.history_servicer import HistoryUseCases, SandboxHistoryServicer
from services.sandbox.moving_in import MovingIn
from services.sandbox.policy import POLICY
from services.sandbox.ports import ProjectAccess
from services.sandbox.providers.local.engine import EngineConfig
from services.sandbox.providers.local.history import HistoryConfig, LocalHistory
from services.sandbox.providers.local.homes import Homes
from services.sandbox.providers.local.provider import LocalProvider
from services.sandbox.providers.local.scan import Bounds
from services.sandbox.servicer import SandboxesServicer, SandboxInternalServicer, UseCases
from services.sandbox.storage.postgres import PostgresProcesses, PostgresSandboxes, PostgresUploads
from services.sandbox.use_cases.announce_uploads import AnnounceUploads
from services.sandbox.use_cases.create_ssh_token import CreateSshToken
from services.sandbox.use_cases.delete_file import DeleteFile
from services.sandbox.use_cases.delete_sandbox import DeleteSandbox
from services.sandbox.use_cases.execute_command import ExecuteCommand
from services.sandbox.use_cases.get_commit import GetCommit
from services.sandbox.use_cases.get_sandbox import GetSandbox
from services.sandbox.use_cases.keep_history import KeepHistory
from services.sandbox.use_cases.keep_house import ForgetProcesses, ForgetUploads, KeepHouse, StopIdle
from services.sandbox.use_cases.list_files import ListFiles
from services.sandbox.use_cases.list_tree import ListTree
from services.sandbox.use_cases.list_versions import ListVersions
from services.sandbox.use_cases.open_sandbox import OpenSandbox
from services.sandbox.use_cases.process_runner import ProcessRunner
from services.sandbox.use_cases.read_file import ReadFile
from services.sandbox.use_cases.read_version import ReadVersion
from services.sandbox.use_cases.revert_files import RevertFiles
from services.sandbox.use_cases.run_process import RunProcess
from services.sandbox.use_cases.stop_sandbox import StopSandbox
from services.sandbox.use_cases.write_file import UploadFile, WriteFile

MIGRATIONS = "services.sandbox.storage.migrations"

_MOST_BETWEEN_HOUSEKEEPING_S = 30.0

log = get_logger()


async def build(settings: Settings, stack: AsyncExitStack) -> Server:
    """The service, ready to be started; what must be closed is on the stack."""
    await prepare_schema(settings, MIGRATIONS)
    database = await stack.enter_async_context(open_database(settings))
    channels = await stack.enter_async_context(open_channels(settings))
    provider, tenancy = local_provider(settings), await stack.enter_async_context(AsyncExitStack())
    threads = ThreadsInternalStub(channels.open("threads", idempotent=IDEMPOTENT))
    access = ThreadsProjectAccess(threads, SystemClock(), settings.mesh_sandbox_access_cache_s)

    sandboxes, processes = PostgresSandboxes(database), PostgresProcesses(database)
    uploads = PostgresUploads(database)
    history = await stack.enter_async_context(local_history(settings, provider))
    tasks = await stack.enter_async_context(Supervisor())
    keeper = KeepHistory(history, tasks, SystemClock(), settings.mesh_sandbox_history_pause_s)
    runner = ProcessRunner(processes, provider, keeper, tasks, SystemClock(), RandomIds())
    opened = OpenSandbox(sandboxes, provider, access, SystemClock(), RandomIds())
    use = _use_cases(settings, sandboxes, uploads, provider, access, opened, keeper, runner)
    server = Server(settings, POLICY)
    history_servicer = SandboxHistoryServicer(_history_use_cases(opened, provider, history, keeper))
    history_pb2_grpc.add_SandboxHistoryServicer_to_server(history_servicer, server)
    sandbox_pb2_grpc.add_SandboxesServicer_to_server(SandboxesServicer(use), server)
    sandbox_pb2_grpc.add_SandboxInternalServicer_to_server(SandboxInternalServicer(use), server)
    server.check("postgres", database.ping)
    server.on_drain(runner.drain)
    house = _housekeeping(settings, sandboxes, processes, uploads, provider, runner)
    moving = MovingIn(provider, tenancy, tasks, runner, house)
    server.hold(moving.done)
    await moving.begin(succeeds=settings.mesh_sandbox_succeeds)
    return server


def local_provider(settings: Settings) -> LocalProvider:
    """The provider on this machine, to be entered."""
    config = EngineConfig(
        limits=settings.limits,
        bwrap=settings.mesh_sandbox_bwrap,
        network=settings.mesh_sandbox_network,
        cgroups=settings.mesh_sandbox_cgroups,
        allow_unsafe=settings.allow_unsafe_sandbox,
        output_bytes=settings.mesh_sandbox_output_mib * MIB,
        outputs_bytes=settings.mesh_sandbox_outputs_mib * MIB,
        reserve_bytes=settings.mesh_sandbox_reserve_mib * MIB,
    )
    homes = Homes(
        settings.mesh_data_dir.resolve() / "sandbox",
        uid_base=settings.mesh_sandbox_uid_base,
        uid_count=settings.mesh_sandbox_uid_count,
        as_root=os.geteuid() == 0,
    )
    return LocalProvider(config, homes, SystemClock(), RandomIds())


def local_history(settings: Settings, provider: LocalProvider) -> LocalHistory:
    """The history of that provider's sandboxes, to be entered."""
    repository_bytes = settings.mesh_sandbox_history_mib * MIB
    bounds = Bounds(
        files=settings.mesh_sandbox_history_files,
        file_bytes=settings.mesh_sandbox_history_file_mib * MIB,
        total_bytes=repository_bytes // 2,
    )
    config = HistoryConfig(bounds, repository_bytes, settings.mesh_sandbox_reserve_mib * MIB)
    return LocalHistory(provider.homes, config, SystemClock(), provider.gauge)


def _housekeeping(
    settings: Settings,
    sandboxes: PostgresSandboxes,
    processes: PostgresProcesses,
    uploads: PostgresUploads,
    provider: LocalProvider,
    runner: ProcessRunner,
) -> KeepHouse:
    clock = SystemClock()
    idle = StopIdle(sandboxes, provider, runner, clock, timedelta(seconds=settings.mesh_sandbox_idle_s))
    forget = ForgetProcesses(processes, provider, clock, timedelta(days=settings.mesh_sandbox_kept_days))
    return KeepHouse(
        idle, forget, ForgetUploads(uploads, clock), min(settings.mesh_sandbox_idle_s / 4, _MOST_BETWEEN_HOUSEKEEPING_S)
    )


def _use_cases(
    settings: Settings,
    sandboxes: PostgresSandboxes,
    uploads: PostgresUploads,
    provider: LocalProvider,
    access: ProjectAccess,
    opened: OpenSandbox,
    keeper: KeepHistory,
    runner: ProcessRunner,
) -> UseCases:
    clock, new_id = SystemClock(), RandomIds()
    return UseCases(
        open_sandbox=opened,
        stop_sandbox=StopSandbox(opened, sandboxes, provider, clock),
        create_ssh_token=CreateSshToken(opened, provider),
        announce_uploads=AnnounceUploads(opened, uploads, clock, timedelta(seconds=settings.mesh_sandbox_upload_s)),
        get_sandbox=GetSandbox(sandboxes, provider, access),
        delete_sandbox=DeleteSandbox(sandboxes, provider, clock, new_id),
        list_files=ListFiles(opened, provider),
        read_file=ReadFile(opened, provider),
        write_file=WriteFile(opened, provider, keeper),
        delete_file=DeleteFile(opened, provider, keeper),
        upload_file=UploadFile(opened, provider, keeper),
        execute_command=ExecuteCommand(opened, runner, new_id),
        run_process=RunProcess(opened, runner),
        runner=runner,
        clock=clock,
    )


def _history_use_cases(
    opened: OpenSandbox, provider: LocalProvider, history: LocalHistory, keeper: KeepHistory
) -> HistoryUseCases:
    return HistoryUseCases(
        list_tree=ListTree(opened, history, provider),
        list_versions=ListVersions(opened, history, keeper),
        get_commit=GetCommit(opened, history, keeper),
        read_version=ReadVersion(opened, history),
        revert_files=RevertFiles(opened, keeper),
    )
