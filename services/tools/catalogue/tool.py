"""What a tool of the catalogue is made of: a small class with `info`, and methods marked `@function`.

A function's schema says what arguments it takes; they are checked before the method sees them. It answers with a
ToolResult, and what goes wrong in a way that a model can mend is a failed one, with a text that says how.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from services.tools.domain.executions import Call
from services.tools.domain.tools import FunctionInfo, Json, ToolClass, ToolInfo, ToolResult

Arguments = Mapping[str, Any]
"""What the function's schema let through."""


class Running(Protocol):
    """The execution under way, as its function sees it."""

    call: Call
    owner: str
    resumed: bool
    """Some process began with this key before: the effect may be there already."""
    note: str | None
    """What that process remembered of it."""
    elapsed_s: float
    """Seconds since the call was first begun."""

    def emit(self, text: str) -> None:
        """Shows output while it comes."""

    def ensure_owned(self) -> None:
        """Raises ExecutionLostError when the lease ran out. Asked right before an effect that no key fences."""

    async def remember(self, note: str) -> None:
        """Stores the note. Asked before an effect, so that `resumed` can tell whether it took place."""


Handler = Callable[[Any, Running, Arguments], Awaitable[ToolResult]]


class Tool:
    """The base of every tool. Bound functions are found by their mark."""

    info: ClassVar[ToolInfo]

    def needed_s(self, _arguments: Arguments) -> float:
        """Seconds that a call with these arguments may need, where its caller says nothing."""
        return 0.0

    async def stop(self, key: str) -> None:
        """Ends the effect of a key, and returns when it has ended. Queryable tools have something to do here."""

    def functions(self) -> Iterator[BoundFunction]:
        """In the order in which they are written."""
        for name, member in vars(type(self)).items():
            info = getattr(member, "function_info", None)
            if info is not None:
                yield BoundFunction(info, self, getattr(self, name))


@dataclass(frozen=True)
class BoundFunction:
    """A function of one tool, ready to be called."""

    info: FunctionInfo
    tool: Tool
    handler: Callable[[Running, Arguments], Awaitable[ToolResult]]


def function(
    description: str,
    tool_class: ToolClass,
    parameters: Mapping[str, Json] | None = None,
    *,
    required: tuple[str, ...] = (),
    terminating: bool = False,
) -> Callable[[Handler], Handler]:
    """Marks a method as a function of its tool. `parameters` are its arguments' JSON Schemas by name."""

    def mark(handler: Handler) -> Handler:
        schema: dict[str, Json] = {
            "type": "object",
            "properties": dict(parameters or {}),
            "required": list(required),
            "additionalProperties": False,
        }
        info = FunctionInfo(handler.__name__, description, schema, tool_class, terminating)
        handler.function_info = info  # type: ignore[attr-defined]
        return handler

    return mark


def text(description: str, **more: Json) -> dict[str, Json]:
    """A string."""
    return {"type": "string", "description": description, **more}


def integer(description: str, minimum: int, maximum: int) -> dict[str, Json]:
    """An integer within bounds."""
    return {"type": "integer", "description": description, "minimum": minimum, "maximum": maximum}


def whole(arguments: Arguments, name: str, default: int) -> int:
    """An `integer` argument; JSON may write it as 5.0."""
    return int(arguments.get(name, default))


def texts(description: str, **more: Json) -> dict[str, Json]:
    """An array of strings."""
    return {"type": "array", "items": {"type": "string"}, "description": description, **more}


def text_or_texts(description: str) -> dict[str, Json]:
    """A string or an array of strings."""
    return {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}], "description": description}


def as_tuple(value: str | list[str] | None) -> tuple[str, ...]:
    """What `text_or_texts` let through; empty texts mean nothing."""
    values = [value] if isinstance(value, str) else value or []
    return tuple(entry for entry in values if entry)
