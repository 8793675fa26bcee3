"""What the edge asks of its neighbours, in REST's words. Every port raises the neighbour's own MeshError unchanged."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Protocol

from services.gateway.edge.domain import Json, Presence, Started, StartOrder, Stored, UploadedFile


@dataclass(frozen=True, slots=True)
class Account:
    """An account as billing knows it. `limits` are the plan's, by their names there."""

    credits: Json
    subscription: Json
    tier: Json
    limits: dict[str, int]
    tier_name: str
    local_mode: bool


@dataclass(frozen=True, slots=True)
class RunStats:
    """Figures of all runs; `oldest_queued_s` is 0 where nothing waits."""

    queued: int
    running: int
    oldest_queued_s: float
    outbox_pending: int
    orphaned: int


class Threads(Protocol):
    """Threads and projects, asked as the caller; `ensure` and `counts` as the gateway."""

    async def create(self, name: str | None) -> Json: ...

    async def get(self, thread_id: str) -> Json: ...

    async def update(self, thread_id: str, title: str | None, is_public: bool | None) -> Json: ...

    async def get_project(self, project_id: str) -> Json: ...

    async def ensure(self, account_id: str, thread_id: str, project_id: str | None, *, create: bool) -> tuple[str, str]:
        """Makes sure of the thread; its id and its project's."""
        ...

    async def counts(self, account_id: str) -> tuple[int, int]:
        """Projects and threads of an account."""
        ...


class EventBatches(Protocol):
    """A run's events in batches of what is ready (`WatchRunResponse`), until `cancel`."""

    def __aiter__(self) -> AsyncIterator[Any]: ...

    def cancel(self) -> None: ...


class Runs(Protocol):
    """Runs, started and watched as the caller; the rest asked as the gateway."""

    async def start(self, order: StartOrder) -> Started: ...

    def watch(self, run_id: str, last_id: str) -> EventBatches: ...

    async def recent(self, thread_id: str) -> list[Json]:
        """The newest runs of a thread that the caller may see."""
        ...

    async def models(self) -> list[Json]: ...

    async def running_count(self, account_id: str) -> int: ...

    async def agent_count(self, account_id: str) -> int:
        """How many agents an account has beside its default one."""
        ...

    async def require_agent(self, agent_id: str) -> None:
        """Raises what agent says to one that is not there, or not the caller's."""
        ...

    async def stats(self) -> RunStats: ...


class Sandboxes(Protocol):
    """Sandboxes, asked as the caller."""

    async def of_project(self, project_id: str) -> Json: ...

    async def upload_to_project(self, project_id: str, path: str, file: UploadedFile) -> Stored:
        """Stores a file; makes the project's sandbox if need be. A taken name gets a number."""
        ...

    async def upload(self, sandbox_id: str, path: str, file: UploadedFile) -> Stored: ...

    async def replace(self, sandbox_id: str, path: str, file: UploadedFile) -> Stored:
        """Stores a file in place of what has its name."""
        ...


class Presences(Protocol):
    """Who is here, for some time."""

    async def keep(self, account_id: str, presence: Presence, seconds: int) -> None:
        """In place of what the session said before. CacheUnavailable."""
        ...


class Notices(Protocol):
    """What the operator has to say."""

    async def read(self) -> Json:
        """In REST's words; empty where nothing was ever said."""
        ...


class Billing(Protocol):
    """Accounts, asked as the caller."""

    async def account(self, skip_cache: bool) -> Account: ...


class Neighbours(Protocol):
    """The health of everything behind the edge."""

    async def ask(self) -> dict[str, str]:
        """By name: `healthy`, or what is wrong."""
        ...


class Cache(Protocol):
    """Redis, as an operator looks at it. CacheUnavailable where it is away."""

    async def ping(self) -> None: ...

    async def streams(self) -> tuple[int, int]:
        """Streams that are there, and those among them that would never expire."""
        ...

    async def describe(self) -> Json: ...
