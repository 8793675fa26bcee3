"""What tools needs of the world: its storage, and the sandbox service."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from services.tools.domain.executions import Call, EncodedResult, Row, StoredResult
from services.tools.domain.task_list import TaskList
from services.tools.domain.tools import Json


@dataclass(frozen=True, slots=True)
class Lease:
    """Who drives an execution, and for how many seconds nobody else may, unless renewed."""

    owner: str
    ttl_s: float


class ExecutionStore(Protocol):
    """The rows of executions. Each method is one or two statements; what returns has been committed."""

    async def begin(self, call: Call, lease: Lease) -> Row | None:
        """None where the key's row was made now, running and owned by `lease.owner`; else the row that is there.

        The epoch of a row of the same request is raised to the call's, so that a returned epoch above the call's means
        that a newer owner came first.
        """
        ...

    async def begin_cancelled(self, key: str, epoch: int) -> Row:
        """The key's row with its epoch raised; one made now is done, cancelled and without a request."""
        ...

    async def claim(self, row: Row, lease: Lease) -> bool:
        """Makes `lease.owner` the owner of a running row; False where the owner is no longer `row.owner`."""
        ...

    async def claim_overdue(self, lease: Lease, grace_s: float, limit: int) -> Sequence[Row]:
        """Claims rows that run, have been past their deadline for `grace_s`, and have no live owner."""
        ...

    async def renew(self, keys: Sequence[str], lease: Lease) -> dict[str, bool]:
        """Renews the leases of running rows that `lease.owner` still owns: key to whether a cancel was asked for."""
        ...

    async def release(self, owner: str) -> None:
        """Ends the leases of an owner at once."""
        ...

    async def request_cancel(self, key: str) -> None:
        """Asks the owner of a running row, whoever it is, to end it."""
        ...

    async def remember(self, key: str, owner: str, note: str) -> None:
        """Stores the note of a running row. Raises ExecutionLostError where `owner` does not own it."""
        ...

    async def finish(self, key: str, owner: str, result: EncodedResult, output: str) -> StoredResult | None:
        """Stores the result of a running row that `owner` owns, with its live output; None where it does not."""
        ...

    async def get(self, key: str) -> Row | None:
        """The row as it is."""
        ...

    async def prune(self, older_than_s: float, limit: int) -> int:
        """Deletes rows that ended longer ago; how many."""
        ...


TaskListChange = Callable[[TaskList], tuple[TaskList, Json]]


class TaskLists(Protocol):
    """The task list of each thread."""

    async def view(self, account_id: str, thread_id: str) -> TaskList:
        """The list; an empty one where none was made."""
        ...

    async def change(self, key: str, owner: str, account_id: str, thread_id: str, change: TaskListChange) -> Json:
        """Applies a pure change once per execution key, and returns what it answered the first time.

        List and answer are committed together; concurrent changes of a list follow one another. Raises ExecutionMoved
        where `owner` does not own the execution, and whatever `change` raises, with nothing changed.
        """
        ...

    async def forget(self, thread_ids: Sequence[str]) -> None:
        """Deletes the lists of threads that were deleted."""
        ...

    async def prune(self, older_than_s: float) -> None:
        """Deletes what calls under way wrote for such threads meanwhile; after so long there are none."""
        ...


@dataclass(frozen=True, slots=True)
class Place:
    """Whose sandbox."""

    account_id: str
    project_id: str


@dataclass(frozen=True, slots=True)
class Command:
    """A shell command, known by its execution's key. `cwd` is relative to the workspace."""

    key: str
    place: Place
    command: str
    cwd: str
    timeout_s: float


@dataclass(frozen=True, slots=True)
class ProcessOutput:
    """Bytes of `stdout` or `stderr`. `truncated`: output before this was dropped."""

    stream: str
    data: bytes
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class ProcessEnd:
    """How a process ended: `exited`, `killed`, `timed_out`, `lost` (the sandbox died under it) or `failed`."""

    state: str
    exit_code: int | None = None
    message: str = ""
    unsafe: bool = False


@dataclass(frozen=True, slots=True)
class FileContent:
    """The beginning of a file, and its whole size in bytes."""

    data: bytes
    size: int


class Presence(StrEnum):
    """What must be true of a file before it is written."""

    ANY = "any"
    MUST_EXIST = "must_exist"
    MUST_NOT_EXIST = "must_not_exist"


class Sandbox(Protocol):
    """The sandbox of a project. Refusals are MeshErrors with the reasons of `mesh.sandbox.v1`."""

    def run(self, command: Command) -> AsyncIterator[ProcessOutput | ProcessEnd]:
        """Starts the command of a key, or attaches to it: its output from the start, then its end.

        Survives a cut connection by attaching again; gives up with Unavailable when sandbox stays away.
        """
        ...

    async def kill(self, key: str) -> None:
        """Kills the process tree of a key; returns when it is empty. An unknown key is none."""
        ...

    async def read_file(self, place: Place, path: str, max_bytes: int) -> FileContent:
        """The first `max_bytes` of a file. FILE_NOT_FOUND, WRONG_FILE_TYPE, INVALID_PATH."""
        ...

    async def pending_uploads(self, place: Place) -> int:
        """How many files are announced for the project and not there yet."""
        ...

    async def write_file(self, place: Place, path: str, content: bytes, permissions: str, presence: Presence) -> str:
        """Writes a file whole and atomically; its absolute path. `permissions` are octal, empty to keep them."""
        ...

    async def delete_file(self, place: Place, path: str) -> str:
        """Deletes a file, or a directory with all in it; its absolute path. FILE_NOT_FOUND."""
        ...
