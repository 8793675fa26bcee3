"""What an execution is: a call known by its key, and the row that says what became of it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto

from services.tools.domain.tools import Json, Outcome, ToolClass


@dataclass(frozen=True, slots=True)
class Call:
    """Somebody's wish to have a function called. `key` is `run:step:ordinal`; `epoch` is the caller's of the run."""

    key: str
    epoch: int
    function_name: str
    arguments: dict[str, Json]
    account_id: str
    project_id: str
    thread_id: str
    run_id: str
    timeout_s: float

    def request_hash(self) -> bytes:
        """What makes two calls of one key the same call, however their JSON was written. 32 bytes."""
        parts = [self.function_name, self.arguments, self.account_id, self.project_id, self.thread_id, self.run_id]
        return hashlib.sha256(json.dumps(parts, sort_keys=True, separators=(",", ":")).encode()).digest()


@dataclass(frozen=True, slots=True)
class EncodedResult:
    """A result as it is stored. `output_json` is a JSON value."""

    outcome: Outcome
    output_json: str
    error: str | None


@dataclass(frozen=True, slots=True)
class StoredResult(EncodedResult):
    """A result as it was committed."""

    started_at: datetime
    ended_at: datetime


@dataclass(frozen=True, slots=True)
class Row:
    """An execution as stored. Seconds are by the database's clock, at the time of reading.

    `request_hash` is None for a key that was cancelled before it was ever called. `owned` is whether the owner's lease
    runs. `note` is what the tool must remember of this key to have one effect. `result` is None while it runs.
    """

    key: str
    epoch: int
    request_hash: bytes | None
    function_name: str
    owner: str
    owned: bool
    remaining_s: float
    elapsed_s: float
    cancel_requested: bool
    note: str | None
    output: str
    result: StoredResult | None


class ExecutionLostError(Exception):
    """This process no longer owns the execution: no effect and no result may come from here."""


class Adoption(Enum):
    """What a process does with a row that runs, but not in it."""

    LEAVE = auto()
    """Its owner lives: wait for it."""
    RESUME = auto()
    """Go on with it by key."""
    CANCEL = auto()
    """Somebody wants it ended: end it."""
    EXPIRE = auto()
    """Its deadline passed: end it."""
    GIVE_UP = auto()
    """Nobody can know what became of it."""


def adoption(row: Row, me: str, tool_class: ToolClass) -> Adoption:
    """Decides about a row found running that no task of this process drives.

    A queryable effect lives elsewhere under its key and is only watched from here, so that two processes may watch it
    at once, and after its deadline too; the other classes wait for their owner's lease to end.
    """
    queryable = tool_class is ToolClass.QUERYABLE
    if row.owned and row.owner != me and (row.cancel_requested or not queryable):
        return Adoption.LEAVE
    if row.cancel_requested:
        return Adoption.CANCEL
    if tool_class is ToolClass.AT_MOST_ONCE:
        return Adoption.GIVE_UP
    if row.remaining_s <= 0 and not queryable:
        return Adoption.EXPIRE if tool_class is ToolClass.PURE else Adoption.GIVE_UP
    return Adoption.RESUME
