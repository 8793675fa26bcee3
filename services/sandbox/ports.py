"""What the service needs from outside: what makes sandboxes, what remembers, and who may see what."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from services.sandbox.domain import (
    Collision,
    Isolation,
    Limits,
    Listing,
    Outcome,
    OutputChunk,
    ProcessSpec,
    ProcessState,
    Stored,
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

    async def commit(self, parts: Parts, *, mode: int, collision: Collision) -> Stored:
        """Puts the file in its place at once and whole, making directories above it.

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

    async def start_process(self, sandbox_id: str, process_id: str, spec: ProcessSpec) -> RunningProcess:
        """Starts a command. Called at most once per `process_id`.

        Fails with ISOLATION_UNAVAILABLE, FILE_NOT_FOUND or WRONG_FILE_TYPE (`cwd`).
        """
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

    async def delete_path(self, sandbox_id: str, parts: Parts) -> None:
        """Deletes a file, or a directory with all in it. Fails with FILE_NOT_FOUND, INVALID_PATH."""
        ...
