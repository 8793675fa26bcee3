"""What durability costs: the engine's own loop, once over Postgres that flushes each commit, once over the simulation's
tables in memory. All else is the same and in this process: mock-ai, neighbours that agree at once, tails in memory."""

from __future__ import annotations

import asyncio
import logging
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast
from uuid import UUID, uuid4, uuid5

import asyncpg
import orjson
import structlog
from mesh.threads.v1 import threads_pb2

from services.agent.app import CLAIMED_AT_ONCE, MIGRATIONS
from services.agent.config import Settings
from services.agent.domain.journal import StepRecord
from services.agent.domain.run import Claim, Ending, Price, RunSpec, StopReason
from services.agent.engine.backpressure import BackpressureController, TokenBucket, Vitals
from services.agent.engine.conversation import ContextManager, PromptManager
from services.agent.engine.coordinator import StatelessCoordinator
from services.agent.engine.execution import Parts
from services.agent.engine.heartbeat import HeartbeatSettings
from services.agent.engine.policy import ToolPolicy
from services.agent.engine.recovery import RunRecovery
from services.agent.llm.registry import ModelRegistry, ModelSettings
from services.agent.ports import ChosenAgent, Fence, NewRun, Owed, Stamped, Writes
from services.agent.storage.postgres.journal import PostgresJournal
from services.agent.storage.postgres.leases import PostgresLeases
from services.agent.storage.postgres.outbox import PostgresOutbox
from services.agent.storage.postgres.ownership import PostgresOwnership
from services.agent.storage.postgres.runs import PostgresRuns
from services.agent.stream.publisher import RunPublisher
from services.agent.use_cases.deliver_owed import DeliverOwed
from services.agent.use_cases.end_run import EndRun
from services.agent.use_cases.mark_delivered import DeliveredMarks
from services.agent.use_cases.opening import Opening
from services.cli.embedded.postgres import EmbeddedPostgres
from services.kit.clock import SystemClock
from services.kit.migrations import prepare_schema
from services.kit.postgres import open_database
from services.kit.tasks import Supervisor
from tests.bench.report import Row
from tests.bench.scenes import Bench
from tests.chaos.sim.neighbours import ForgetfulWal, SimTails, forgetful
from tests.chaos.sim.tables import Tables
from tests.support.harness import make_settings
from tests.support.mesh import running_mesh

_RUNS, _AT_ONCE, _STEPS, _ROUNDS = 64, 32, 4, 5
_SCRIPT = "[[tokens 20]] [[finish length]] [[step]] " * (_STEPS - 1) + "[[tokens 20]]"
_COMMITTERS, _COMMITTED = 32, 40
_CLOCK = SystemClock()
_PRICE = Price("v1", 10**6, 10**6, 0, 0)


class Here:
    """A port whose target has its methods without `async`."""

    def __init__(self, target: object) -> None:
        self._target = target

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._target, name)

        async def call(*args: Any, **kwargs: Any) -> Any:
            return method(*args, **kwargs)

        return call

    def close(self) -> None:
        """Nothing is open."""


class Rows:
    """threads: rows by thread."""

    def __init__(self) -> None:
        self._rows: dict[str, list[threads_pb2.Message]] = defaultdict(list)

    def context(self, account_id: UUID, thread_id: UUID, turn: int) -> list[dict[str, object]]:
        return [orjson.loads(row.content_json) for row in self._rows[str(thread_id)] if row.is_llm_message]

    def deliver(self, account_id: UUID, payload: bytes) -> bool:
        request = threads_pb2.AppendMessagesRequest.FromString(payload)
        self._rows[request.thread_id] += request.messages
        return False


class Bank:
    """billing: posts and lends."""

    def deliver(self, account_id: UUID, payload: bytes) -> None:
        """Posted."""

    def extend(self, account_id: UUID, run_id: UUID, ordinal: int, microcredits: int) -> int:
        return microcredits


class Silence:
    """Hints that nobody hears: the coordinator is woken by this process."""

    async def work(self) -> None:
        """Nobody."""

    async def stop(self, run_id: UUID, reason: StopReason = "user") -> None:
        """Nobody."""

    async def works(self) -> AsyncIterator[None]:
        await asyncio.Event().wait()
        yield

    async def stops(self) -> AsyncIterator[tuple[UUID, StopReason]]:
        await asyncio.Event().wait()
        yield uuid4(), "user"


@dataclass
class Storage:
    """The agent's storage, one way or the other."""

    ownership: Any
    journal: Any
    outbox: Any
    open_leases: Callable[[], Any]
    admit: Callable[[NewRun], Any]


def in_memory() -> Storage:
    """Nothing outlives the process."""
    tables = Tables(_CLOCK.monotonic)
    here = Here(tables)
    return Storage(here, here, here, lambda: here, here.admit)


@asynccontextmanager
async def in_postgres() -> AsyncIterator[Storage]:
    """The real one, on the cluster of a mesh at rest: as people have it, with a flush for each commit."""
    with running_mesh(MESH_LOG_LEVEL="warning") as mesh, tempfile.TemporaryDirectory() as place:
        url = EmbeddedPostgres(mesh.data, None).url
        connection = await asyncpg.connect(url)
        await connection.execute("CREATE DATABASE durability")
        await connection.close()
        settings = make_settings(
            Settings, Path(place), database_url=url.replace("/postgres?", "/durability?"), redis_url="redis://unused"
        )
        async with open_database(settings) as database:
            await prepare_schema(settings, MIGRATIONS)
            yield Storage(
                PostgresOwnership(database),
                PostgresJournal(database),
                PostgresOutbox(database),
                lambda: PostgresLeases(settings),
                PostgresRuns(database).admit,
            )


async def durability(_: Bench) -> list[Row]:
    """Commits of the journal alone, then runs side by side, in turn."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))  # as the meshes here
    async with in_postgres() as postgres:
        commits = await commit_rate(postgres)
        await runs_per_s(postgres)
        pairs = [(await runs_per_s(postgres), await runs_per_s(in_memory())) for _ in range(_ROUNDS)]
    ratio = sorted(durable / volatile for durable, volatile in pairs)[_ROUNDS // 2]
    durable, volatile = (sorted(rates)[_ROUNDS // 2] for rates in zip(*pairs, strict=True))
    return [
        Row(f"fenced commits of steps, {_COMMITTERS} runs at once", commits, "commits/s"),
        Row(f"engine's loop, storage in memory, {_AT_ONCE} runs of {_STEPS} steps at once", volatile, "runs/s"),
        Row("engine's loop, journal in Postgres", durable, "runs/s", "in memory", ratio),
        Row("durability costs a run", 1000 / durable - 1000 / volatile, "ms"),
        Row("durability costs a step", (1000 / durable - 1000 / volatile) / _STEPS, "ms"),
    ]


async def commit_rate(storage: Storage) -> float:
    """INTENTs and RESULTs per second, each with an event and what is owed."""
    for _ in range(_COMMITTERS):
        await storage.admit(new_run("x"))
    claims: list[Claim] = await storage.ownership.claim("bench", 3600.0, _COMMITTERS, steal=False)
    began = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for mine in claims:
            group.create_task(commit(storage, Fence(mine.run_id, mine.epoch, mine.run.account_id)))
    return len(claims) * _COMMITTED * 2 / (time.monotonic() - began)


async def commit(storage: Storage, fence: Fence) -> None:
    """The steps of one run, one after the other."""
    for number in range(1, _COMMITTED + 1):
        step = StepRecord(number, fence.epoch, "started", uuid4(), uuid4(), "v1", held=0, hold_ordinal=0)
        done = StepRecord(
            number, fence.epoch, "done", step.message_id, step.llm_response_id, "v1", held=0, hold_ordinal=0,
            finish_reason="stop", text="word " * 20, cost=7,
        )  # fmt: skip
        await storage.journal.begin_step(fence, step, b"hash", Writes([Stamped(2 * number, b"event" * 20)], []))
        owed = [Owed("messages", b"row" * 100), Owed("charges", b"charge" * 20)]
        await storage.journal.finish_step(fence, done, [], [], Writes([Stamped(2 * number + 1, b"event" * 40)], owed))


def new_run(prompt: str) -> NewRun:
    """In a thread and an account of its own, complete."""
    run_id, account = uuid4(), uuid4()
    spec = RunSpec(prompt, uuid5(run_id, "prompt"), "mock-ai", 10, _PRICE, 10**12)
    new = NewRun(
        run_id, account, uuid4(), uuid4(), ChosenAgent(account, account, None), 1, spec, 3600.0, b"", None, b"", b""
    )
    return Opening(cast(Any, None), lambda _: None, _CLOCK.now).complete(new)


class Counting:
    """A journal that says when so many runs have ended, each after all of its steps."""

    def __init__(self, journal: Any, runs: int) -> None:
        self._journal = journal
        self._left = runs
        self._steps = runs * _STEPS
        self.all_ended = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._journal, name)

    async def finish_step(self, *args: Any) -> int:
        self._steps -= 1  # a try that was lost is made again
        base: int = await self._journal.finish_step(*args)
        return base

    async def finish_run(self, fence: Fence, ending: Ending, writes: Writes) -> bool:
        more: bool = await self._journal.finish_run(fence, ending, writes)
        assert ending.status == "completed", ending
        self._left -= 1
        if not self._left:
            assert self._steps <= 0, self._steps
            self.all_ended.set()
        return more


async def runs_per_s(storage: Storage) -> float:
    """From the first claim to the last end."""
    threads = Rows()
    for _ in range(_RUNS):
        new = new_run(_SCRIPT)
        await storage.admit(new)
        threads.deliver(new.account_id, new.message)
    journal = Counting(storage.journal, _RUNS)
    async with Supervisor() as tasks:
        worker = coordinator(replace(storage, journal=journal), threads, tasks)
        began = time.monotonic()
        worker.start(Silence())
        async with asyncio.timeout(120):
            await journal.all_ended.wait()
        seconds = time.monotonic() - began
        await worker.drain(5.0)
    return _RUNS / seconds


def coordinator(storage: Storage, neighbours: Rows, tasks: Supervisor) -> StatelessCoordinator:
    """A worker as in production, over this storage."""
    parts = parts_of(storage, neighbours, tasks)
    bucket = TokenBucket(10_000, _AT_ONCE, _CLOCK)
    deliver = DeliverOwed(parts.threads, parts.billing, parts.outbox, parts.mark)
    end = EndRun(parts.ownership, parts.journal, parts.tools, parts.hints, parts.announce, deliver, _CLOCK.now)
    return StatelessCoordinator(
        "bench",
        parts,
        HeartbeatSettings(1.0, 5.0, 30.0),
        storage.open_leases,
        RunRecovery(parts.ownership, end, 1.0, 5.0),
        backpressure=BackpressureController(_AT_ONCE, bucket, lambda: Vitals(0, 0), CLAIMED_AT_ONCE),
        sweep_s=1.0,
        tasks=tasks,
    )


def parts_of(storage: Storage, neighbours: Rows, tasks: Supervisor) -> Parts:
    """All but the storage is in this process."""
    tails, marks = SimTails(), DeliveredMarks(storage.outbox)
    tasks.start("marks", marks.run)
    threads: Any = Here(neighbours)

    def publisher(claim: Claim, own: Supervisor, fenced: Callable[[], None]) -> RunPublisher:
        made = RunPublisher(tails.of(claim.run_id), claim.epoch, _CLOCK, fenced)
        made.start(own)
        return made

    async def announce(run_id: UUID, epoch: int, payload: bytes) -> None:
        """To nobody."""

    return Parts(
        ownership=storage.ownership,
        journal=storage.journal,
        outbox=storage.outbox,
        threads=threads,
        billing=cast(Any, Here(Bank())),
        tools=cast(Any, None),  # no run calls one
        recall=forgetful,
        wal=ForgetfulWal(),
        models=ModelRegistry(ModelSettings()),
        context=ContextManager(threads, PromptManager()),
        hints=Silence(),
        announce=announce,
        publisher=publisher,
        mark=marks,
        new_id=uuid4,
        now=_CLOCK.now,
        tool_policy=ToolPolicy(True, "parallel"),
        native_tools=False,
        reasoning_effort=None,
        max_output_tokens=100,
    )
