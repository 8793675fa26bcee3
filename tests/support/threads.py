"""Threads with fakes of its neighbours, ready to be called."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from mesh.agent.v1 import runs_pb2, runs_pb2_grpc
from mesh.billing.v1 import billing_pb2, billing_pb2_grpc
from mesh.sandbox.v1 import sandbox_pb2, sandbox_pb2_grpc
from mesh.threads.v1 import threads_pb2 as pb

from services.kit.errors import Unavailable
from services.kit.postgres import Database
from services.threads.app import build
from services.threads.config import Settings
from tests.support.harness import ServiceHarness, make_settings, serve_fake

__all__ = ["NeighbourFakes", "Settings", "emptied", "message", "new_id", "running_threads"]


def new_id() -> str:
    """A random id."""
    return str(uuid.uuid4())


def message(
    text: str = "hello",
    *,
    type: str = "user",  # noqa: A002 -- the field is called so
    message_id: str = "",
    turn: int = 0,
    **fields: Any,
) -> pb.Message:
    """A row as an agent would send it."""
    role = type if type in ("user", "assistant", "tool") else "user"
    given: dict[str, Any] = {
        "message_id": message_id or new_id(),
        "type": type,
        "is_llm_message": True,
        "content_json": f'{{"role":"{role}","content":"{text}"}}',
        "metadata_json": "{}",
        "turn": turn,
    }
    return pb.Message(**(given | fields))


class NeighbourFakes:
    """Billing, agent and sandbox as threads sees them: limits to be set, deletions remembered, and an outage."""

    def __init__(self) -> None:
        self.max_threads = 1000
        self.max_projects = 1000
        self.limit_calls = 0
        self.away = False
        self.stopped: list[str] = []
        self.deleted_projects: list[str] = []
        self._changed = asyncio.Condition()

    async def told(self, *, threads: set[str], projects: set[str]) -> None:
        """Returns once these deletions arrived; fails after ten seconds."""
        async with asyncio.timeout(10), self._changed:
            await self._changed.wait_for(
                lambda: threads <= set(self.stopped) and projects <= set(self.deleted_projects)
            )

    async def remember(self, memory: list[str], ids: list[str]) -> None:
        """One more deletion arrived."""
        if self.away:
            raise Unavailable
        async with self._changed:
            memory.extend(ids)
            self._changed.notify_all()


class _Billing(billing_pb2_grpc.BillingInternalServicer):
    def __init__(self, fakes: NeighbourFakes) -> None:
        self._fakes = fakes

    async def GetPlanLimits(self, request: Any, context: Any) -> billing_pb2.GetPlanLimitsResponse:
        self._fakes.limit_calls += 1
        if self._fakes.away:
            raise Unavailable
        limits = billing_pb2.PlanLimits(max_threads=self._fakes.max_threads, max_projects=self._fakes.max_projects)
        return billing_pb2.GetPlanLimitsResponse(limits=limits)


class _Agent(runs_pb2_grpc.AgentInternalServicer):
    def __init__(self, fakes: NeighbourFakes) -> None:
        self._fakes = fakes

    async def StopThreadRuns(self, request: Any, context: Any) -> runs_pb2.StopThreadRunsResponse:
        await self._fakes.remember(self._fakes.stopped, list(request.thread_ids))
        return runs_pb2.StopThreadRunsResponse()


class _Sandbox(sandbox_pb2_grpc.SandboxInternalServicer):
    def __init__(self, fakes: NeighbourFakes) -> None:
        self._fakes = fakes

    async def DeleteProjectSandbox(self, request: Any, context: Any) -> sandbox_pb2.DeleteProjectSandboxResponse:
        await self._fakes.remember(self._fakes.deleted_projects, [request.project_id])
        return sandbox_pb2.DeleteProjectSandboxResponse()


async def emptied(database: Database) -> None:
    """Deletes everything: row by row, because a TRUNCATE and the service's own reading can wait for each other."""
    tables = ("messages", "threads", "projects", "usage", "notices", "search_rows", "search_state")
    await database.execute(";".join(f"DELETE FROM {table}" for table in tables))


@asynccontextmanager
async def running_threads(
    database_url: str, directory: Path, fakes: NeighbourFakes, **settings: Any
) -> AsyncIterator[ServiceHarness[Settings]]:
    """The service on a real database, its neighbours behind real servers."""
    async with AsyncExitStack() as stack:
        # What a fake leaves out is UNIMPLEMENTED in the generated base: threads never calls it.
        async def fake(service: str, add: Any, servicer: Callable[[NeighbourFakes], Any]) -> str:
            return await stack.enter_async_context(
                serve_fake(service, directory, lambda server: add(servicer(fakes), server))
            )

        given = {
            "database_url": database_url,
            "mesh_plan_cache_s": 0.0,
            "mesh_notice_poll_s": 0.05,
            "mesh_search_poll_s": 0.05,
            "mesh_billing_url": await fake("billing", billing_pb2_grpc.add_BillingInternalServicer_to_server, _Billing),
            "mesh_agent_url": await fake("agent", runs_pb2_grpc.add_AgentInternalServicer_to_server, _Agent),
            "mesh_sandbox_url": await fake("sandbox", sandbox_pb2_grpc.add_SandboxInternalServicer_to_server, _Sandbox),
        }
        made = make_settings(Settings, directory, **(given | settings))
        yield await stack.enter_async_context(ServiceHarness(made, build))
