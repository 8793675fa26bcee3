"""The edge's own nouns: a place in a stream of events, a message to an agent, an uploaded file."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

Json = dict[str, Any]
"""A REST object in the words of the web client, ready to be encoded."""

_CURSOR = re.compile(r"([0-9]{1,9})-([0-9]{1,9})")


@dataclass(frozen=True, slots=True, order=True)
class Cursor:
    """The id of an event: `<epoch>-<n>`, in the order of the stream."""

    epoch: int
    n: int

    @classmethod
    def parse(cls, text: str) -> Cursor | None:
        """None where the text is no event's id."""
        found = _CURSOR.fullmatch(text)
        return cls(int(found[1]), int(found[2])) if found else None

    def __str__(self) -> str:
        return f"{self.epoch}-{self.n}"


class UploadedFile(Protocol):
    """A file of a form, held by the form until it is closed. It is read from its beginning, in pieces."""

    name: str

    def pieces(self, size: int) -> AsyncIterator[bytes]: ...


@dataclass(frozen=True, slots=True)
class Form:
    """What a body said: text by field, and files by field, in the order of the body."""

    fields: Mapping[str, str] = field(default_factory=dict)
    files: tuple[tuple[str, UploadedFile], ...] = ()


@dataclass(frozen=True, slots=True)
class StartOrder:
    """A message to an agent. Without a thread: a new one. `optimistic`: the client made the ids."""

    prompt: str
    thread_id: str | None = None
    project_id: str | None = None
    model_name: str | None = None
    agent_id: str | None = None
    optimistic: bool = False
    memory_enabled: bool | None = None
    mode: str | None = None
    on_conflict: str | None = None
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class Started:
    """A run that was admitted."""

    thread_id: str
    agent_run_id: str
    project_id: str
    status: str


@dataclass(frozen=True, slots=True)
class Presence:
    """Somebody's page or app, and the thread it shows, if any. `told` is the rest of what it says of itself."""

    session_id: str
    active_thread_id: str | None
    told: Json


@dataclass(frozen=True, slots=True)
class Stored:
    """A file that arrived in a sandbox, in REST's words beside what the edge needs of it."""

    path: str
    sandbox_id: str
    renamed: bool
    answer: Json
