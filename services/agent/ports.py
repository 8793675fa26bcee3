"""What the agent needs of others: its store, its neighbours, its stream. Obligations are in the docstrings."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol
from uuid import UUID

from services.agent.domain.agents import Agent, AgentFilter, AgentKey
from services.agent.domain.events import RunEvent
from services.agent.domain.journal import CallRecord, Journal, OwedRow, StepRecord
from services.agent.domain.run import Claim, Ending, OnConflict, Price, Run, RunSpec, StopReason


@dataclass(frozen=True, slots=True)
class ChosenAgent:
    """What a run takes from its agent's current version; None: the deployment's own."""

    agent_id: UUID
    agent_version_id: UUID
    system_prompt: str | None
    model: str | None = None
    disabled_tools: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Admission:
    """What decides whether and how a run is admitted."""

    existing: Existing | None
    """The run that already has the idempotency key."""
    active: ActiveRuns
    queued_in_thread: int
    busy_with: UUID | None
    """The thread's active run, else the next to be."""
    next_turn: int
    agent: ChosenAgent | None
    """The one asked for, else the account's default; None: there is none."""


@dataclass(frozen=True, slots=True)
class ActiveRuns:
    """How many runs of an account have not ended, counted as far as a plan may limit them, and their threads."""

    count: int
    thread_ids: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class Existing:
    """A run that was admitted under the same key."""

    run: Run
    request_hash: bytes


@dataclass(frozen=True, slots=True)
class NewRun:
    """A run to be admitted; rows are serialized requests and events."""

    run_id: UUID
    account_id: UUID
    thread_id: UUID
    project_id: UUID
    agent: ChosenAgent
    turn: int
    spec: RunSpec
    seconds: float
    """It ends after these at the latest."""
    request_hash: bytes
    idempotency_key: str | None
    ack: bytes
    message: bytes
    """The user's message, as it is owed to threads."""
    on_conflict: OnConflict = "enqueue"
    claimed_by: str | None = None
    """The process that admits it executes it (role `all`); None: any worker."""
    lease_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Admitted:
    """A run that was admitted, and the one of its thread that was asked to stop for it: the active one, else the one
    that was next."""

    run: Run
    interrupted: UUID | None


@dataclass(frozen=True, slots=True)
class Stamped:
    """A durable event with its id."""

    n: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Owed:
    """An outbox row to be written."""

    kind: Literal["messages", "charges"]
    payload: bytes


@dataclass(frozen=True, slots=True)
class Fence:
    """What every durable write of a run is guarded by."""

    run_id: UUID
    epoch: int
    account_id: UUID


@dataclass(frozen=True, slots=True)
class Writes:
    """Events and outbox rows of one durable write, numbered in this order."""

    events: Sequence[Stamped] = ()
    owed: Sequence[Owed] = ()


@dataclass(frozen=True, slots=True)
class Due:
    """An outbox row that its owner did not deliver in time."""

    run_id: UUID
    account_id: UUID
    row: OwedRow
    attempts: int


@dataclass(frozen=True, slots=True)
class RunStats:
    """Figures for operators; ages in seconds."""

    queued: int
    running: int
    oldest_queued_s: float
    outbox_pending: int
    orphaned: int


@dataclass(frozen=True, slots=True)
class Queue:
    """Runs that wait to begin, and for how many seconds the oldest has."""

    length: int
    oldest_s: float
    head_s: float = 0.0
    """The oldest of those that could begin: nothing of their thread is before them."""


class StartWindow(Protocol):
    """How many runs an account may start."""

    async def admit(self, account_id: UUID, start_id: UUID) -> None:
        """One more, or RateLimited. The same `start_id` counts once."""


class Executor(Protocol):
    """The worker in the process that admits, for the placement without a queue."""

    def room(self) -> AbstractContextManager[str | None]:
        """Keeps a place for a run that is being admitted: who is to own it; None: there is none, let it be queued."""

    def adopt(self, run: Run, spec: RunSpec, seconds_left: float) -> None:
        """Executes a run that was admitted with that owner, within `room`."""


class RunStore(Protocol):
    """Runs as the API sees them. Every method is one statement; driver errors never leave it."""

    async def admission(
        self, account_id: UUID, thread_id: UUID, agent_id: UUID | None, idempotency_key: str | None
    ) -> Admission:
        """What decides about a start."""

    async def admit(self, run: NewRun) -> Admitted | None:
        """Writes run, ack and the user's message in one statement, and asks whom it interrupts to stop; None: lost a
        race for the key, the turn, the last place in the queue, or (`reject`) the thread."""

    async def get(self, run_id: UUID) -> Run | None:
        """One run."""

    async def list_active(self, account_id: UUID, limit: int) -> list[Run]:
        """The account's runs that have not ended, newest first."""

    async def list_of_thread(self, thread_id: UUID, limit: int, before_turn: int | None) -> list[Run]:
        """The thread's runs, newest first."""

    async def count_active(self, account_id: UUID) -> int:
        """How many have not ended."""

    async def active_of_threads(self, thread_ids: Sequence[UUID]) -> list[UUID]:
        """Runs of these threads that have not ended."""

    async def request_stop(self, run_id: UUID, reason: StopReason, ended: Stamped, owed: Owed) -> Run | None:
        """Asks a running run to stop, ends a queued one with epoch 1 and these rows; the run as it then is."""

    async def stats(self) -> RunStats:
        """Figures."""

    async def queue(self) -> Queue:
        """How long the mesh's queue is."""


class AgentStore(Protocol):
    """Agents and their versions. A deleted agent is nowhere seen again; driver errors never leave it."""

    async def ensure_default(self, account_id: UUID, agent_id: UUID, version_id: UUID) -> None:
        """Makes the account's default agent with these ids, where it has none; once, whoever else does the same."""

    async def get(self, account_id: UUID, agent_id: UUID) -> Agent | None:
        """The account's agent."""

    async def page(self, account_id: UUID, before: AgentKey | None, size: int) -> tuple[list[Agent], int]:
        """The account's agents, newest first, from behind `before`, and how many it has."""

    async def numbered(self, account_id: UUID, wanted: AgentFilter, number: int, size: int) -> tuple[list[Agent], int]:
        """Page `number`, from 1, of those wanted, and how many those are."""

    async def count(self, account_id: UUID) -> int:
        """How many agents the account has beside its default one."""

    async def create(self, agent: Agent, most: int) -> Agent:
        """Stores it, taking the default over where it is one; an agent of this id that is there is returned as it is.
        Raises AgentLimitExceeded where `most` would be passed, at any concurrency; AgentNotFound for a deleted id."""

    async def replace(self, before: Agent, after: Agent) -> Agent | None:
        """Writes `after` over `before`, with its version where that is a new one; None: it changed meanwhile."""

    async def delete(self, account_id: UUID, agent_id: UUID) -> bool:
        """Tombstones the account's agent; False where it has no such agent or it is the default."""


class OwnershipStore(Protocol):
    """Who executes what."""

    async def claim(self, owner: str, ttl_s: float, limit: int, steal: bool) -> list[Claim]:
        """Takes queued heads of threads, and, with `steal`, running runs whose lease is over. Never a poisoned one."""

    async def release(self, fence: Fence) -> None:
        """Gives a run back at once, without burning an attempt."""

    async def poisoned(self, limit: int, ttl_s: float) -> list[Run]:
        """Runs whose owners keep dying: their lease is over, and not because storage was away within the last ttl."""

    async def last_seq(self, fence: Fence) -> int | None:
        """The seq of a run's last row: what its journal held then is all while this stays. None: the epoch is another,
        or it has ended."""

    async def end_poisoned(
        self, fence: Fence, last_seq: int, ending: Ending, ended: Stamped, owed: Owed, ttl_s: float
    ) -> bool:
        """Ends one, raising its epoch, and writes its dead letter; False: somebody was faster."""

    async def end(self, fence: Fence, last_seq: int, ending: Ending, ended: Stamped, owed: Owed) -> bool:
        """Ends any run that has not ended, raising its epoch; False: the epoch is another, it has, or its owner wrote
        a row after `last_seq`."""


class JournalStore(Protocol):
    """The fenced writes of a run's owner, one statement each. All raise Fenced when the run is not this owner's."""

    async def load(self, run_id: UUID) -> Journal:
        """What earlier owners wrote, and what is still owed."""

    async def begin_step(self, fence: Fence, step: StepRecord, input_hash: bytes, writes: Writes) -> int:
        """INTENT of a model call. Raises StopRequested. Like all below: the seq before the first row written."""

    async def begin_calls(self, fence: Fence, calls: Sequence[CallRecord], writes: Writes) -> int:
        """INTENT of tool calls. Raises StopRequested."""

    async def finish_step(
        self, fence: Fence, step: StepRecord, planned: Sequence[CallRecord], dropped: Sequence[int], writes: Writes
    ) -> int:
        """RESULT of a model call: the answer, the calls it holds that were not begun, the begun ones it does not."""

    async def finish_calls(self, fence: Fence, calls: Sequence[CallRecord], writes: Writes) -> int:
        """RESULT of tool calls."""

    async def finish_run(self, fence: Fence, ending: Ending, writes: Writes) -> bool:
        """The terminal. True: another run of the thread waits."""

    async def recorded(self, fence: Fence, n: int) -> bool:
        """Whether the event of this epoch is stored: whether a write that broke off had happened."""


class OutboxStore(Protocol):
    """What is owed to threads and billing."""

    async def refuse(self, run_id: UUID, seq: int, error: str, limit: int) -> Literal["counted", "dead", "gone"]:
        """Counts that the receiver refused a row for good. The limit's refusal makes it a dead letter and asks its run
        to stop (`undeliverable`), in one statement; gone: it was delivered or given up meanwhile."""

    async def due(self, limit: int) -> list[Due]:
        """Takes runs' rows that are overdue, in seq order, and puts their next attempt off."""

    async def mark_delivered(self, rows: Sequence[tuple[UUID, int]]) -> None:
        """They were acknowledged."""

    async def hurry(self) -> None:
        """Makes all that is owed overdue."""

    async def prune(self, retention_days: float, limit: int) -> int:
        """Deletes what so many runs, ended so long ago and owing nothing, left, but for their terminal event; how many
        there were. A run is pruned once; what others do at the same time is passed over."""

    async def prune_letters(self, retention_days: float, limit: int) -> int:
        """Deletes so many dead letters of pruned runs that are that old and dead no more, with their delivered rows;
        how many there were."""


@dataclass(frozen=True, slots=True)
class ThreadRef:
    """A thread that is there and belongs to the account."""

    thread_id: UUID
    project_id: UUID
    created: bool


@dataclass(frozen=True, slots=True)
class Visibility:
    """What a caller may do with a thread."""

    access: Literal["none", "read", "owner"]


class Threads(Protocol):
    """The threads service."""

    async def ensure(
        self, account_id: UUID, thread_id: UUID, project_id: UUID | None, create: bool, name: str
    ) -> ThreadRef:
        """Makes sure of a thread; raises what threads says."""

    async def access(self, account_id: UUID | None, thread_id: UUID) -> Visibility:
        """What the account may do with the thread; believed for 5 s."""

    async def context(self, account_id: UUID, thread_id: UUID, turn: int) -> list[dict[str, object]]:
        """The messages of turns up to this one as the model is shown them, oldest first."""

    async def deliver(self, account_id: UUID, payload: bytes) -> bool:
        """Sends a serialized AppendMessages; True: the thread is deleted."""


@dataclass(frozen=True, slots=True)
class Authorization:
    """The gate's yes."""

    held: int
    price: Price
    ended: bool
    """An answer of before: what was held then was given back."""


class Billing(Protocol):
    """The billing service."""

    async def authorize(
        self, account_id: UUID, run_id: UUID, thread_id: UUID, model: str, active: ActiveRuns, deadline: datetime
    ) -> Authorization:
        """The start gate and the first hold; raises what billing says."""

    async def extend(self, account_id: UUID, run_id: UUID, ordinal: int, microcredits: int) -> int:
        """One more block; how much it holds. Raises PaymentRequired."""

    async def most_agents(self, account_id: UUID) -> int:
        """How many agents the account's plan allows beside the default one."""

    async def deliver(self, account_id: UUID, payload: bytes) -> None:
        """Sends a serialized SettleRun."""


@dataclass(frozen=True, slots=True)
class ToolFunction:
    """What a model may call. `tool` is the registry name of the tool it belongs to."""

    name: str
    tool: str
    tool_class: Literal["pure", "idempotent", "queryable", "at_most_once"]
    terminating: bool
    schema: dict[str, object]
    """In OpenAI's shape."""


@dataclass(frozen=True, slots=True)
class ToolOutcome:
    """What became of a call."""

    success: bool
    output_json: str
    error: str | None
    outcome: str


@dataclass(frozen=True, slots=True)
class ToolCallRequest:
    """A call as tools gets it."""

    key: str
    epoch: int
    function_name: str
    arguments_json: str
    account_id: UUID
    project_id: UUID
    thread_id: UUID
    run_id: UUID


class Tools(Protocol):
    """The tools service."""

    async def catalogue(self) -> dict[str, ToolFunction]:
        """The functions by name; believed for a minute."""

    def execute(self, request: ToolCallRequest) -> AsyncGenerator[str | ToolOutcome, None]:
        """Attaches to the execution: output pieces, then one outcome. Leaving it does not stop the execution."""

    async def cancel(self, key: str, epoch: int) -> None:
        """Ends the execution; returns when its process tree is empty."""

    async def forget(self, thread_ids: Sequence[UUID]) -> None:
        """Deletes what tools kept for threads that were deleted."""


class Publisher(Protocol):
    """A run's events on their way to viewers, in the order of their ids. Never blocks, never fails the run."""

    def emit(self, event: RunEvent) -> None:
        """Shows a live event."""

    def reserve(self, events: Sequence[RunEvent]) -> list[Stamped]:
        """Gives durable events their ids. Nothing behind them is shown before `release`."""

    def release(self, stamped: Sequence[Stamped], *, written: bool) -> None:
        """Shows them; not `written`: forgets them."""

    async def close(self) -> None:
        """Waits, briefly, until what was shown is out."""


class AnnounceEnd(Protocol):
    """Tells live viewers of a terminal that its run's owner did not write."""

    async def __call__(self, run_id: UUID, epoch: int, payload: bytes) -> None:
        """The terminal, `<epoch>-1`, as it is stored. May be lost: viewers find it in Postgres, later."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What viewers were shown of a message."""

    text: str = ""
    reasoning: str = ""


class Recall(Protocol):
    """Knows what a dead owner showed."""

    async def __call__(self, run_id: UUID, epoch: int, message_id: UUID) -> Shown:
        """What that epoch's owner showed of the message; nothing where that is not known to be all of it."""


class Wal(Protocol):
    """A second copy, beside Postgres, of what a run has paid for. Best effort: it may forget, and it never fails."""

    async def keep(self, run_id: UUID, key: str, payload: bytes) -> bool:
        """Keeps a result under its key, for a while. False: it is not known to be kept."""

    async def read(self, run_id: UUID) -> dict[str, bytes]:
        """What is kept, the newest of each key."""

    async def drop(self, run_id: UUID) -> None:
        """Postgres has it all."""


class Hints(Protocol):
    """Loss-tolerated wake-ups."""

    async def work(self) -> None:
        """A run may be claimable."""

    async def stop(self, run_id: UUID, reason: StopReason) -> None:
        """A run was asked to stop."""
