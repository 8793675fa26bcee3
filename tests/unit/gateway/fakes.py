"""The edge's neighbours in memory: they keep what they were asked and answer what they were given."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from mesh.agent.v1 import runs_pb2

from services.gateway.edge.domain import Json, Presence, Started, StartOrder, Stored, UploadedFile
from services.gateway.edge.ports import (
    Account,
    Billing,
    Cache,
    EventBatches,
    Neighbours,
    Presences,
    Runs,
    RunStats,
    Sandboxes,
)
from services.gateway.edge.ports import Threads as ThreadsPort
from services.kit.errors import MeshError, NotFound

THREAD = "22222222-aaaa-4222-8222-222222222222"
PROJECT = "55555555-aaaa-4555-8555-555555555555"
RUN = "11111111-aaaa-4111-8111-111111111111"
SANDBOX = "66666666-aaaa-4666-8666-666666666666"
ACCOUNT = "77777777-aaaa-4777-8777-777777777777"


class Threads(ThreadsPort):
    """One project with one thread, both visible to everybody but `ensure`d for one account alone."""

    def __init__(self) -> None:
        self.created: list[str | None] = []
        self.ensured: list[tuple[str, str, str | None, bool]] = []
        self.updated: list[tuple[str | None, bool | None]] = []

    async def create(self, name: str | None) -> Json:
        self.created.append(name)
        return {"thread_id": THREAD, "project_id": PROJECT}

    async def get(self, thread_id: str) -> Json:
        if thread_id != THREAD:
            raise NotFound("Thread not found", reason="THREAD_NOT_FOUND")
        return {"thread_id": THREAD, "project_id": PROJECT, "project": {"project_id": PROJECT}}

    async def update(self, thread_id: str, title: str | None, is_public: bool | None) -> Json:
        self.updated.append((title, is_public))
        return await self.get(thread_id)

    async def get_project(self, project_id: str) -> Json:
        if project_id != PROJECT:
            raise NotFound("Project not found", reason="PROJECT_NOT_FOUND")
        return {"project_id": PROJECT}

    async def ensure(self, account_id: str, thread_id: str, project_id: str | None, *, create: bool) -> tuple[str, str]:
        self.ensured.append((account_id, thread_id, project_id, create))
        return thread_id, project_id or PROJECT

    async def counts(self, account_id: str) -> tuple[int, int]:
        return 2, 3


class Batches(EventBatches):
    """Batches that a test hands out; an exception ends them, None too."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[runs_pb2.WatchRunResponse | MeshError | None] = asyncio.Queue()
        self.cancelled = False

    async def __aiter__(self) -> AsyncIterator[Any]:
        while (item := await self.queue.get()) is not None:
            if isinstance(item, MeshError):
                raise item
            yield item

    def cancel(self) -> None:
        self.cancelled = True


@dataclass
class FakeRuns(Runs):
    """Admits every run, and shows the batches it was given."""

    batches: Batches = field(default_factory=Batches)
    started: list[StartOrder] = field(default_factory=list)
    watched: list[tuple[str, str]] = field(default_factory=list)
    active: int = 1
    agents: int = 4
    known_agents: tuple[str, ...] = ()

    async def start(self, order: StartOrder) -> Started:
        self.started.append(order)
        return Started(order.thread_id or THREAD, RUN, order.project_id or PROJECT, "running")

    def watch(self, run_id: str, last_id: str) -> EventBatches:
        self.watched.append((run_id, last_id))
        return self.batches

    async def recent(self, thread_id: str) -> list[Json]:
        return [{"id": RUN, "status": "running"}]

    async def models(self) -> list[Json]:
        return [{"id": "mock-ai"}]

    async def running_count(self, account_id: str) -> int:
        return self.active

    async def agent_count(self, account_id: str) -> int:
        return self.agents

    async def require_agent(self, agent_id: str) -> None:
        if agent_id not in self.known_agents:
            raise NotFound("Agent not found", reason="AGENT_NOT_FOUND")

    async def stats(self) -> RunStats:
        return RunStats(queued=2, running=3, oldest_queued_s=1.5, outbox_pending=4, orphaned=1)


class FakeSandboxes(Sandboxes):
    """Keeps uploaded bytes by path; a taken path gets a number; `failure` is raised instead of an answer."""

    def __init__(self, failure: MeshError | None = None) -> None:
        self.files: dict[str, bytes] = {}
        self.pieces: list[int] = []
        self.failure = failure

    async def of_project(self, project_id: str) -> Json:
        if self.failure:
            raise self.failure
        return {"id": SANDBOX}

    async def upload_to_project(self, project_id: str, path: str, file: UploadedFile) -> Stored:
        return await self.upload(SANDBOX, path, file)

    async def upload(self, sandbox_id: str, path: str, file: UploadedFile) -> Stored:
        if self.failure:
            raise self.failure
        content = b""
        async for piece in file.pieces(1024 * 1024):
            self.pieces.append(len(piece))
            content += piece
        final, renamed = (f"{path} (1)", True) if path in self.files else (path, False)
        self.files[final] = content
        return Stored(final, sandbox_id, renamed, {"path": final, "original_filename": file.name})

    async def replace(self, sandbox_id: str, path: str, file: UploadedFile) -> Stored:
        self.files.pop(path, None)
        return await self.upload(sandbox_id, path, file)


@dataclass
class FakePresences(Presences):
    kept: list[tuple[str, Presence, int]] = field(default_factory=list)

    async def keep(self, account_id: str, presence: Presence, seconds: int) -> None:
        self.kept.append((account_id, presence, seconds))


class FakeBilling(Billing):
    """One account with small limits."""

    async def account(self, skip_cache: bool) -> Account:
        limits = {"max_projects": 2, "max_threads": 10, "max_concurrent_runs": 1, "max_agents": 5}
        return Account({"total": 1.0}, {"tier_key": "free"}, {"name": "free"}, limits, "free", local_mode=True)


@dataclass
class FakeNeighbours(Neighbours):
    states: dict[str, str] = field(default_factory=lambda: {"agent": "healthy", "threads": "healthy"})

    async def ask(self) -> dict[str, str]:
        return dict(self.states)


@dataclass
class FakeCache(Cache):
    failure: MeshError | None = None

    async def ping(self) -> None:
        if self.failure:
            raise self.failure

    async def streams(self) -> tuple[int, int]:
        return 5, 1

    async def describe(self) -> Json:
        await self.ping()
        return {"latency_ms": 0.1, "pool": {}, "timeouts": {}}


@dataclass
class SmallFile(UploadedFile):
    name: str
    content: bytes = b"x"

    async def pieces(self, size: int) -> AsyncIterator[bytes]:
        for start in range(0, len(self.content), size):
            yield self.content[start : start + size]
