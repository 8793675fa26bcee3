"""Tools put together: settings, tables, catalogue, executions, server."""

from __future__ import annotations

from contextlib import AsyncExitStack

from mesh.tools.v1 import tools_pb2_grpc

from services.kit.channels import open_channels
from services.kit.clock import SystemClock
from services.kit.ids import RandomIds
from services.kit.migrations import prepare_schema
from services.kit.postgres import open_database
from services.kit.server import Server
from services.kit.tasks import Supervisor
from services.tools.catalogue import all_tools
from services.tools.catalogue.registry import ToolRegistry
from services.tools.clients.sandbox import IDEMPOTENT, SandboxClient
from services.tools.config import Settings
from services.tools.executions.driver import Driver
from services.tools.executions.executor import Executor
from services.tools.executions.upkeep import Upkeep
from services.tools.policy import POLICY
from services.tools.ports import Lease
from services.tools.servicer import ToolsInternalServicer, ToolsServicer
from services.tools.storage.postgres import PostgresExecutions, PostgresTaskLists
from services.tools.use_cases.execute_tool import ExecuteTool
from services.tools.use_cases.list_tools import ListTools

MIGRATIONS = "services.tools.storage.migrations"

_DAY_S = 86_400.0
# A result may hold several texts, each within its own bound, and JSON escapes.
_RESULT_CHARS_PER_OUTPUT_CHAR = 4


async def build(settings: Settings, stack: AsyncExitStack) -> Server:
    """The service, ready to be started."""
    database = await stack.enter_async_context(open_database(settings))
    await prepare_schema(settings, MIGRATIONS)
    channels = await stack.enter_async_context(open_channels(settings))
    sandbox = SandboxClient(channels.open("sandbox", idempotent=IDEMPOTENT), settings.mesh_tool_sandbox_patience_s)
    task_lists = PostgresTaskLists(database)
    tools = all_tools(sandbox, task_lists, settings.mesh_tool_output_chars)
    registry = ToolRegistry(tools)

    store = PostgresExecutions(database)
    supervisor = await stack.enter_async_context(Supervisor())
    executor = Executor(
        store,
        registry,
        Driver(store, settings.mesh_tool_output_chars * _RESULT_CHARS_PER_OUTPUT_CHAR),
        supervisor,
        Lease(RandomIds()(), settings.mesh_tool_lease_s),
        settings.mesh_tool_live_chars,
    )
    retention_s = settings.mesh_tool_retention_days * _DAY_S
    Upkeep(executor, store, task_lists, settings.mesh_tool_beat_s, settings.mesh_tool_sweep_s, retention_s).start(
        supervisor
    )

    server = Server(settings, POLICY)
    execute_tool = ExecuteTool(
        registry, executor, SystemClock(), settings.mesh_tool_timeout_s, settings.mesh_tool_max_timeout_s
    )
    list_tools = ListTools(registry)
    servicer = ToolsInternalServicer(list_tools, execute_tool, executor, task_lists)
    tools_pb2_grpc.add_ToolsServicer_to_server(ToolsServicer(list_tools), server)
    tools_pb2_grpc.add_ToolsInternalServicer_to_server(servicer, server)
    server.check("postgres", database.ping)
    server.on_drain(lambda: executor.drain(settings.mesh_tool_drain_s))
    return server
