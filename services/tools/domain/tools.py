"""What a tool is: one entry of the catalogue with functions that a model may call, and what such a call answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

Json: TypeAlias = bool | int | float | str | list[Any] | dict[str, Any] | None


class ToolClass(StrEnum):
    """How a call may be repeated after a crash."""

    PURE = "pure"
    """Changes nothing: runs again."""
    IDEMPOTENT = "idempotent"
    """Runs again with the same key, with one distinct effect."""
    QUERYABLE = "queryable"
    """Its key tells what became of it, so that any process may go on with it."""
    AT_MOST_ONCE = "at_most_once"
    """Never runs again by itself."""


class Outcome(StrEnum):
    """How an execution ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"
    UNKNOWN = "unknown"
    """It may or may not have happened."""


@dataclass(frozen=True, slots=True)
class ToolInfo:
    """How a tool shows itself. Smaller `weight` is nearer in lists; `is_core` is always loaded."""

    name: str
    display_name: str
    description: str
    weight: int
    is_core: bool = False
    needs_sandbox: bool = False


@dataclass(frozen=True, slots=True)
class FunctionInfo:
    """What a model is told of a function. `parameters` is a JSON Schema of an object; `terminating` ends the run."""

    name: str
    description: str
    parameters: Mapping[str, Json]
    tool_class: ToolClass
    terminating: bool = False


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a call answered: a JSON value, and a text that a model can act on when it did not succeed."""

    outcome: Outcome
    output: Json = None
    error: str | None = None

    @property
    def success(self) -> bool:
        """Whether it did what was asked."""
        return self.outcome is Outcome.SUCCEEDED


def succeeded(output: Json) -> ToolResult:
    """It did what was asked."""
    return ToolResult(Outcome.SUCCEEDED, output)


def failed(error: str, output: Json = None) -> ToolResult:
    """It did not; `error` says why and what to do."""
    return ToolResult(Outcome.FAILED, output, error)
