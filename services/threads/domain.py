"""Projects, threads, messages and the rules about them; standard library only.

Free-form JSON stays text: it is stored and shown as it came, so nothing is lost on numbers or the order of keys.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

DEFAULT_NAME = "New Project"
SHOWN_TYPES = ("user", "assistant", "tool")


class Access(Enum):
    """What somebody may do with a thread or project."""

    NONE = "none"
    READ = "read"
    OWNER = "owner"


@dataclass(frozen=True, slots=True)
class Project:
    """What is shared as a whole, and what a sandbox belongs to."""

    project_id: str
    account_id: str
    name: str
    description: str
    is_public: bool
    icon_name: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Thread:
    """A conversation in a project."""

    thread_id: str
    account_id: str
    metadata_json: str
    message_count: int
    created_at: datetime
    updated_at: datetime
    project: Project


@dataclass(frozen=True, slots=True)
class Draft:
    """A message before it has a place. `turn` 0 stands for the thread's latest; empty ids for none."""

    message_id: str
    type: str
    is_llm_message: bool
    content_json: str
    metadata_json: str
    turn: int = 0
    agent_id: str = ""
    agent_version_id: str = ""
    run_id: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """A row of a thread."""

    message_id: str
    thread_id: str
    position: int
    turn: int
    type: str
    is_llm_message: bool
    content_json: str
    metadata_json: str
    agent_id: str
    agent_version_id: str
    run_id: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a thread or project stands: whose it is, and whether anybody may read it."""

    account_id: str
    project_id: str
    is_public: bool

    def access(self, viewer: str) -> Access:
        """What an account may do; the empty account is nobody in particular."""
        if viewer and viewer == self.account_id:
            return Access.OWNER
        return Access.READ if self.is_public else Access.NONE


@dataclass(frozen=True, slots=True)
class Limits:
    """How many of each a plan allows."""

    threads: int
    projects: int


@dataclass(frozen=True, slots=True)
class Usage:
    """What an account has."""

    threads: int
    projects: int


@dataclass(frozen=True, slots=True, order=True)
class ThreadKey:
    """A thread's place in lists, newest first."""

    created_at: datetime
    thread_id: str


@dataclass(frozen=True, slots=True)
class ThreadPage:
    """Some threads of a list, with the number of all of them. `next` is where to go on, None at the end."""

    threads: tuple[Thread, ...]
    total: int
    next: ThreadKey | None


@dataclass(frozen=True, slots=True)
class MessagePage:
    """Some messages of a thread. `next` is the position to go on from, None at the end."""

    messages: tuple[Message, ...]
    next: int | None


@dataclass(frozen=True, slots=True)
class Ensured:
    """A thread that exists, and whether it was made just now."""

    thread_id: str
    project_id: str
    created: bool


@dataclass(frozen=True, slots=True)
class Deleted:
    """What a deletion took along."""

    threads: int


@dataclass(frozen=True, slots=True)
class SearchText:
    """What is searched at one place of a thread: a message's content, or, at position 0, the project's name."""

    position: int
    text: str


@dataclass(frozen=True, slots=True)
class SearchDue:
    """A thread whose texts up to `searched` are known to the search; what is behind is not yet."""

    thread_id: str
    searched: int
    claimed_until: datetime


@dataclass(frozen=True, slots=True)
class Unsearched:
    """What the search does not know of a thread yet: positions and contents (JSON) of the next messages of people and
    models, and the project's name."""

    due: SearchDue
    name: str
    contents: Sequence[tuple[int, str]]

    @property
    def size(self) -> int:
        """Characters of all contents."""
        return sum(len(json) for _, json in self.contents)


@dataclass(frozen=True, slots=True)
class Searched:
    """What the search is to know of a thread. `done`: it is not due until it changes again."""

    due: SearchDue
    texts: Sequence[SearchText]
    searched: int
    done: bool


@dataclass(frozen=True, slots=True)
class SearchHit:
    """A thread that was found: `content_json` is that of the message that fits best, None where the name does."""

    thread: Thread
    message_id: str | None
    content_json: str | None
    score: float


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that another service must be told about a deletion. `target` is `agent` (stop the runs of
    `thread_ids`) or `sandbox` (delete the sandbox of `project_id`)."""

    notice_id: int
    target: str
    account_id: str
    project_id: str
    thread_ids: tuple[str, ...]
    attempts: int
