"""threads, billing, tools, a model and viewers' tails, and what they really did."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from uuid import UUID

from mesh.billing.v1 import billing_pb2
from mesh.threads.v1 import threads_pb2

from services.agent.llm.errors import ModelError
from services.agent.llm.mock_ai import MockAi
from services.agent.llm.port import ModelEvent, ModelRequest
from services.agent.ports import Shown, ToolCallRequest, ToolFunction, ToolOutcome
from services.agent.stream.ids import EventId
from services.agent.stream.ports import Entry
from services.kit.context import current_caller
from services.kit.errors import Conflict, Unavailable
from tests.chaos.sim.machines import Machine
from tests.fakes.run_stream import MemoryTail


class StaleEpoch(Conflict):
    """As tools says it."""

    reason = "STALE_EPOCH"


@dataclass
class Asked:
    """A call of the model, for a step, by an epoch."""

    at: float
    step: str
    epoch: int
    spoke: bool = False
    failed: bool = False

    @property
    def paid(self) -> bool:
        """Who fails before the first token costs nothing; who is hung up on costs."""
        return self.spoke or not self.failed


@dataclass(frozen=True)
class Post:
    """A charge as billing has it."""

    run_id: str
    charge: billing_pb2.Charge


@dataclass
class Deeds:
    """The effect log: when what was done. `wrong` is what a neighbour must never be asked."""

    now: Callable[[], float]
    asked: list[Asked] = field(default_factory=list)
    effects: list[tuple[float, str]] = field(default_factory=list)
    rows: dict[str, threads_pb2.Message] = field(default_factory=dict)
    posts: dict[str, Post] = field(default_factory=dict)
    """By their key, whatever it says."""
    released: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


class SimThreads:
    """Rows by id; the same row again is the same row."""

    def __init__(self, deeds: Deeds) -> None:
        self._deeds = deeds

    def context(self, account_id: UUID, thread_id: UUID, turn: int) -> list[dict[str, object]]:
        rows = [row for row in self._deeds.rows.values() if row.turn <= turn and row.is_llm_message]
        return [json.loads(row.content_json) for row in sorted(rows, key=lambda row: row.turn)]

    def deliver(self, account_id: UUID, payload: bytes) -> bool:
        for row in threads_pb2.AppendMessagesRequest.FromString(payload).messages:
            known = self._deeds.rows.setdefault(row.message_id, row)
            if known.content_json != row.content_json:
                self._deeds.wrong.append(f"I7 row {row.message_id} is told twice, differently")
        return False


class SimBilling:
    """Posts by key."""

    def __init__(self, deeds: Deeds) -> None:
        self._deeds = deeds

    def extend(self, account_id: UUID, run_id: UUID, ordinal: int, microcredits: int) -> int:
        return microcredits

    def deliver(self, account_id: UUID, payload: bytes) -> None:
        request = billing_pb2.SettleRunRequest.FromString(payload)
        self._deeds.released[request.run_id] += request.release
        for charge in request.charges:
            post = Post(request.run_id, charge)
            if self._deeds.posts.setdefault(charge.key, post) != post:
                self._deeds.wrong.append(f"I15 charge {charge.key} comes twice, differently")


class SimTools:
    """Executions belong to their key and go on without their callers; effects are for ever."""

    def __init__(self, deeds: Deeds) -> None:
        self._deeds = deeds
        self.epochs: dict[str, int] = {}
        self.until: dict[str, float] = {}
        self.cancelled: set[str] = set()

    def attach(self, request: ToolCallRequest) -> float:
        """Begins, or finds, the execution; when it ends. Raises StaleEpoch."""
        if request.epoch < self.epochs.get(request.key, 0):
            raise StaleEpoch
        self.epochs[request.key] = request.epoch
        if request.key not in self.until:
            self._deeds.effects.append((self._deeds.now(), request.key))
            self.until[request.key] = self._deeds.now() + 0.15
        return self.until[request.key]

    def cancel(self, key: str, epoch: int) -> None:
        if epoch < self.epochs.get(key, 0):
            raise StaleEpoch
        self.until.setdefault(key, 0.0)
        self.cancelled.add(key)


class RemoteTools:
    """Tools as one process reaches it."""

    def __init__(self, machine: Machine, tools: SimTools) -> None:
        self._machine = machine
        self._tools = tools

    async def catalogue(self) -> dict[str, ToolFunction]:
        await self._machine.cross(Unavailable)
        schema: dict[str, object] = {"type": "function", "function": {"name": "effect", "parameters": {}}}
        return {"effect": ToolFunction("effect", "effect_tool", "at_most_once", False, schema)}

    async def execute(self, request: ToolCallRequest) -> AsyncGenerator[str | ToolOutcome, None]:
        await self._machine.cross(Unavailable)
        until = self._tools.attach(request)
        await self._machine.cross(Unavailable)
        yield "working\n"
        while asyncio.get_running_loop().time() < until and request.key not in self._tools.cancelled:
            await self._machine.nap(0.05)
        await self._machine.cross(Unavailable)
        if request.key in self._tools.cancelled:
            yield ToolOutcome(False, "null", "Cancelled", "cancelled")
        else:
            yield ToolOutcome(True, '"done"', None, "succeeded")

    async def cancel(self, key: str, epoch: int) -> None:
        await self._machine.cross(Unavailable)
        self._tools.cancel(key, epoch)

    async def forget(self, thread_ids: Sequence[UUID]) -> None:
        await self._machine.cross(Unavailable)


class SimModel(MockAi):
    """mock-ai beyond a wire: what reaches it is paid."""

    def __init__(self, machine: Machine, deeds: Deeds) -> None:
        super().__init__(machine.nap)
        self._machine = machine
        self._deeds = deeds

    async def stream(self, request: ModelRequest) -> AsyncGenerator[list[ModelEvent], None]:
        await self._machine.nap(0.001)
        epoch = current_caller().epoch or 0
        asked = Asked(self._deeds.now(), request.request_id, epoch)
        self._deeds.asked.append(asked)
        try:
            async with aclosing(super().stream(request)) as batches:
                async for batch in batches:
                    asked.spoke = True
                    yield batch
        except ModelError:
            asked.failed = True
            raise


class OwnerTail:
    """A run's tail as one process reaches it."""

    def __init__(self, machine: Machine, tail: MemoryTail) -> None:
        self._machine = machine
        self._tail = tail

    async def append(self, entry: Entry, before: EventId | None, ttl_ms: int) -> int | EventId:
        await self._machine.nap(0.0005)
        answer = await self._tail.append(entry, before, ttl_ms)
        await self._machine.nap(0.0005)
        return answer

    async def trim(self, below: EventId) -> None:
        await self._tail.trim(below)

    async def expire(self, ttl_ms: int) -> None:
        await self._tail.expire(ttl_ms)


class SimTails:
    """Redis: the tails of all runs."""

    def __init__(self) -> None:
        self.tails: dict[UUID, MemoryTail] = {}

    def of(self, run_id: UUID) -> MemoryTail:
        """A run's."""
        return self.tails.setdefault(run_id, MemoryTail())

    @contextmanager
    def joined(self, run_id: UUID) -> Iterator[MemoryTail]:
        yield self.of(run_id)

    def wipe(self) -> None:
        """FLUSHALL."""
        for tail in self.tails.values():
            tail.wipe()


async def forgetful(run_id: UUID, epoch: int, message_id: UUID) -> Shown:
    """Recall of nothing: what was shown is never known."""
    return Shown()


class ForgetfulWal:
    """A second copy that is never there."""

    async def keep(self, run_id: UUID, key: str, payload: bytes) -> bool:
        """Forgets it."""
        return True

    async def read(self, run_id: UUID) -> dict[str, bytes]:
        """Nothing."""
        return {}

    async def drop(self, run_id: UUID) -> None:
        """There is nothing."""
