"""What the service needs from outside: what makes sandboxes, what remembers, and who may see what."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Protocol

from services.sandbox.domain import (
    Access,
    Author,
    Cause,
    Collision,
    CommitView,
    Isolation,
    Limits,
    Listing,
    Outcome,
    OutputChunk,
    Process,
    ProcessSpec,
    ProcessState,
    Sandbox,
    SandboxStatus,
    SshAccess,
    Stored,
    Version,
)

Parts = tuple[str, ...]
"""Components of a path below the workspace, as of `paths.path_parts`."""


class RunningProcess(Protocol):
    """A command under way."""

    async def run(self, timeout_s: float) -> Outcome:
        """Waits until nothing of the command is left; kills it after `timeout_s`. Awaited once; cancelling kills it."""
        ...

    async def kill(self, state: ProcessState, message: str) -> None:
        """Kills the command and all it started; returns when nothing is left. The first reason given is the outcome."""
        ...


class OpenFile(Protocol):
    """A file being read. `close` exactly once."""

    @property
    def size(self) -> int:
        """Bytes at the time of opening."""
        ...

    async def read(self, length: int) -> bytes:
        """The next bytes; empty at the end."""
        ...

    def close(self) -> None:
        """Ends it."""
        ...


class StagedFile(Protocol):
    """A file being written, unseen by the sandbox until committed. `discard` exactly once, also after `commit`."""

    async def write(self, data: bytes) -> None:
        """Adds bytes. Fails with FILE_TOO_LARGE."""
        ...

    async def commit(self, parts: Parts, *, mode: int | None, collision: Collision) -> Stored:
        """Puts the file in its place at once and whole, making directories above it.

        `mode` None: that of the file it replaces, or 644.

        Fails with QUOTA_EXCEEDED, INVALID_PATH, WRONG_FILE_TYPE, and FILE_NOT_FOUND for `MUST_EXIST`.
        """
        ...

    async def discard(self) -> None:
        """Drops what was not committed."""
        ...


class SandboxProvider(Protocol):
    """Makes sandboxes and does things in them. Sandboxes are named by the service's id.

    All of it is safe to repeat, and to call for a sandbox that somebody else deletes meanwhile (SANDBOX_NOT_FOUND).
    """

    @property
    def name(self) -> str:
        """The provider's word for itself, as stored."""
        ...

    @property
    def node(self) -> str:
        """Whose sandboxes these are: what this name started, only this name can find again."""
        ...

    @property
    def isolation(self) -> Isolation:
        """What was found out at the start."""
        ...

    @property
    def limits(self) -> Limits:
        """What each sandbox may use."""
        ...

    async def start(self, sandbox_id: str) -> None:
        """Makes the sandbox if it is not there and readies it. Fails with ISOLATION_UNAVAILABLE."""
        ...

    async def stop(self, sandbox_id: str) -> None:
        """Kills what runs; the workspace stays."""
        ...

    async def delete(self, sandbox_id: str) -> None:
        """Kills what runs; nothing stays."""
        ...

    async def exists(self, sandbox_id: str) -> bool:
        """Whether the sandbox was made and not deleted."""
        ...

    async def require_directory(self, sandbox_id: str, parts: Parts) -> None:
        """Fails with FILE_NOT_FOUND, INVALID_PATH, WRONG_FILE_TYPE unless there is a directory."""
        ...

    async def start_process(self, sandbox_id: str, process_id: str, spec: ProcessSpec) -> RunningProcess:
        """Starts a command. Called at most once per `process_id`. Fails with ISOLATION_UNAVAILABLE."""
        ...

    def read_output(self, sandbox_id: str, process_id: str) -> AsyncIterator[OutputChunk]:
        """The output from its start; follows until the command ends. Nothing where none was kept."""
        ...

    async def forget_output(self, sandbox_id: str, process_id: str) -> None:
        """Drops the kept output of a command that ended."""
        ...

    async def list_directory(self, sandbox_id: str, parts: Parts) -> Listing:
        """A directory's entries. Fails with FILE_NOT_FOUND, INVALID_PATH, WRONG_FILE_TYPE."""
        ...

    async def open_file(self, sandbox_id: str, parts: Parts) -> OpenFile:
        """A regular file. Fails with FILE_NOT_FOUND, INVALID_PATH, WRONG_FILE_TYPE."""
        ...

    async def stage_file(self, sandbox_id: str) -> StagedFile:
        """A new file to be written."""
        ...

    async def ssh_access(self, sandbox_id: str, minutes: int) -> SshAccess:
        """A way in, for so long. Fails with SSH_NOT_SUPPORTED."""
        ...

    async def delete_path(self, sandbox_id: str, parts: Parts) -> None:
        """Deletes a file, or a directory with all in it. Fails with FILE_NOT_FOUND, INVALID_PATH."""
        ...


class FileHistory(Protocol):
    """The versions of each workspace, kept where no sandbox reaches. One thing at a time per sandbox.

    Files are left out that are too large, too many, unreadable or in directories that tools make anew (`.git`,
    `node_modules`, ...): they are in no version, and going back does not touch them. Commits are 40 hexadecimal digits;
    COMMIT_NOT_FOUND for any other, and for those that were dropped for room. Fails with UNAVAILABLE where the disk
    does.
    """

    async def record(self, sandbox_id: str, cause: Cause) -> None:
        """Makes a version of what is there, if anything changed. A sandbox that is gone is none of its business."""
        ...

    async def versions(self, sandbox_id: str, parts: Parts, limit: int) -> Sequence[Version]:
        """The newest versions that changed a file, or anything in a directory; none for what was never there."""
        ...

    async def describe(self, sandbox_id: str, commit: str) -> CommitView:
        """What a commit changed, and what going back would."""
        ...

    async def list_directory(self, sandbox_id: str, parts: Parts, commit: str) -> Listing:
        """A directory's entries then. Fails with FILE_NOT_FOUND, WRONG_FILE_TYPE."""
        ...

    async def read(self, sandbox_id: str, parts: Parts, commit: str) -> bytes:
        """A regular file's content then. Fails with FILE_NOT_FOUND, WRONG_FILE_TYPE."""
        ...

    async def revert(self, sandbox_id: str, commit: str, paths: Sequence[Parts], author: Author) -> Sequence[str]:
        """Makes the files at and below the paths, or with none all, as they were; those that were written or removed.

        What was there is a version before. Fails with FILE_NOT_FOUND for a path that is in neither, REVERT_CONFLICT,
        QUOTA_EXCEEDED; before anything is touched, unless files change meanwhile.
        """
        ...


class SandboxStore(Protocol):
    """Remembers sandboxes. What is deleted is found no more, and its project never gets another."""

    async def add(self, sandbox: Sandbox, node: str) -> bool:
        """Adds it; False where the project has one, or had."""
        ...

    async def of_project(self, project_id: str) -> Sandbox | None: ...

    async def find(self, sandbox_id: str) -> Sandbox | None: ...

    async def set_status(self, sandbox_id: str, status: SandboxStatus, used_at: datetime) -> None:
        """Sets the status, and that it was used at this time."""
        ...

    async def take_idle(self, node: str, unused_since: datetime, busy: Sequence[str]) -> list[str]:
        """Sets those of the node that are LIVE, not busy and unused since then to OFFLINE; which these were."""
        ...

    async def bury(self, project_id: str, new_id: str, provider: str, node: str, now: datetime) -> str:
        """Leaves a tombstone, also where there was nothing; the id of what is buried (`new_id` for nothing)."""
        ...


class ProcessStore(Protocol):
    """Remembers processes by key. An end is written once."""

    async def add(self, process: Process, node: str) -> bool:
        """Adds a running one; False where the key is taken."""
        ...

    async def find(self, key: str) -> Process | None: ...

    async def end(self, key: str, outcome: Outcome, now: datetime) -> None: ...

    async def end_running(self, node: str, outcome: Outcome, now: datetime) -> int:
        """Ends all of a node's that have no end; how many."""
        ...

    async def forget(self, node: str, ended_before: datetime, most: int) -> list[tuple[str, str]]:
        """Drops the oldest of a node's that ended before; their (sandbox_id, process_id)."""
        ...


class UploadStore(Protocol):
    """Remembers batches of uploads that were announced, each until its time is over."""

    async def announce(self, project_id: str, file_count: int, now: datetime, until: datetime) -> int:
        """Adds a batch; how many files are pending now."""
        ...

    async def complete(self, project_id: str, now: datetime) -> None:
        """Drops the project's oldest batch whose time is not over, if there is one."""
        ...

    async def pending(self, project_id: str, now: datetime) -> int:
        """Files of batches whose time is not over."""
        ...

    async def forget(self, now: datetime) -> None:
        """Drops the batches whose time is over."""
        ...


class ProjectAccess(Protocol):
    """Knows who may see a project. May answer from a cache of some seconds; raises when it cannot know."""

    async def of(self, project_id: str, account_id: str) -> Access:
        """What an account, or with an empty id anybody, may do."""
        ...
