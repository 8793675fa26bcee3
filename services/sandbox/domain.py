"""The nouns of the service: sandboxes, processes, files and what isolation holds. Pure; standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class SandboxStatus(StrEnum):
    """How a sandbox is, in the words of the REST surface."""

    LIVE = "LIVE"
    STARTING = "STARTING"
    OFFLINE = "OFFLINE"
    FAILED = "FAILED"
    UNKNOWN = "UNKNOWN"


class Access(StrEnum):
    """What somebody may do with a project."""

    NONE = "none"
    READ = "read"
    OWNER = "owner"


class ProcessState(StrEnum):
    """How a process is. All but `running` are final."""

    RUNNING = "running"
    EXITED = "exited"
    KILLED = "killed"
    TIMED_OUT = "timed_out"
    LOST = "lost"
    FAILED = "failed"


class Level(StrEnum):
    """What holds a sandbox's limits."""

    CGROUP = "cgroup"
    RLIMIT = "rlimit"
    NONE = "none"


@dataclass(frozen=True)
class Limits:
    """What one sandbox may use. Sizes in bytes."""

    memory_bytes: int
    processes: int
    cpus: float
    disk_bytes: int
    inodes: int
    file_bytes: int
    tmp_bytes: int
    open_files: int
    cpu_seconds: int
    concurrent_commands: int


@dataclass(frozen=True)
class Isolation:
    """What the self-test found.

    `missing` says what this machine lacks and what to do about it; empty when all of the level holds. `unsafe` is true
    where something is missing and the operator allowed commands anyway. `holes` is what this level cannot hold.
    """

    level: Level
    missing: str = ""
    unsafe: bool = False
    holes: tuple[str, ...] = ()

    @property
    def usable(self) -> bool:
        """Whether commands may run."""
        return not self.missing or self.unsafe


@dataclass(frozen=True)
class Sandbox:
    """A project's sandbox as stored."""

    sandbox_id: str
    project_id: str
    account_id: str
    provider: str
    status: SandboxStatus
    created_at: datetime
    last_used_at: datetime


@dataclass(frozen=True)
class Visit:
    """Somebody at a sandbox by its id; an empty account is anybody."""

    account_id: str
    sandbox_id: str


@dataclass(frozen=True)
class ProjectVisit:
    """Somebody at a project's sandbox by the project's id; an owner's is made if need be."""

    account_id: str
    project_id: str


@dataclass(frozen=True)
class Errand:
    """A service on behalf of a project's owner; the sandbox is made if need be."""

    account_id: str
    project_id: str


Door = Visit | ProjectVisit | Errand


@dataclass(frozen=True)
class SshAccess:
    """A way in by SSH: a secret, and the command that uses it."""

    token: str
    command: str


@dataclass(frozen=True)
class ProcessSpec:
    """A command for the shell, and where to run it: components below the workspace."""

    command: str
    cwd: tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    """How a process ended. `exit_code` for `exited` alone; `message` says why for the others."""

    state: ProcessState
    exit_code: int | None = None
    message: str = ""


@dataclass(frozen=True)
class Process:
    """A process as stored: its key, where it ran, and its outcome."""

    key: str
    process_id: str
    sandbox_id: str
    command_hash: bytes
    outcome: Outcome
    unsafe: bool
    started_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True)
class OutputChunk:
    """Bytes of `stdout` or `stderr`. `truncated` marks the place from which output was dropped."""

    stream: str
    data: bytes
    truncated: bool = False


@dataclass(frozen=True)
class FileEntry:
    """One entry of a directory, as `lstat` saw it. `path` is absolute, below `/workspace`; `mode` has the type bits."""

    name: str
    path: str
    is_dir: bool
    size: int
    modified_at: datetime
    mode: int


@dataclass(frozen=True)
class Listing:
    """A directory's entries, sorted by name; `truncated` when there were more."""

    entries: tuple[FileEntry, ...]
    truncated: bool


class Collision(StrEnum):
    """What a write does about a file that is, or is not, there already."""

    REPLACE = "replace"
    RENAME = "rename"
    MUST_NOT_EXIST = "must_not_exist"
    MUST_EXIST = "must_exist"


@dataclass(frozen=True)
class Stored:
    """Where a write ended up. `renamed` when the wanted name was taken."""

    path: str
    renamed: bool


class Author(StrEnum):
    """Who changed files. Shown to everybody who may look, so it names nobody."""

    OWNER = "Owner"
    AGENT = "Agent"
    SANDBOX = "Sandbox"


@dataclass(frozen=True)
class Cause:
    """Why there is a new version of the files: a line, and who did it."""

    what: str
    author: Author


@dataclass(frozen=True)
class Version:
    """A commit of a workspace. `message` may have several lines."""

    commit: str
    author_name: str
    author_email: str
    made_at: datetime
    message: str


class ChangeKind(StrEnum):
    """What happens to a file between two versions, in git's letters."""

    ADDED = "A"
    MODIFIED = "M"
    DELETED = "D"


@dataclass(frozen=True)
class FileChange:
    """A file that differs between two versions. `path` is relative to the workspace; not all of it need be text."""

    path: str
    kind: ChangeKind


@dataclass(frozen=True)
class CommitView:
    """A commit, what it changed, and what going back to it would change now; both sorted by path."""

    version: Version
    changed: tuple[FileChange, ...]
    on_revert: tuple[FileChange, ...]
