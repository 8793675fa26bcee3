"""The grammar of mock-ai's directives: `[[word argument]]`, anywhere in a message, the prose around them ignored.

A script is a list of steps, a step a list of actions in order. docs/mock-ai.md is the grammar for people; `HELP` is its
short form. Parsing is pure and bounded.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import cast

from services.agent.llm.errors import ErrorType
from services.agent.llm.port import FinishReason

MAX_STEPS = 1000
MAX_TOKENS = 500_000
MAX_SECONDS = 3600.0

HELP = """\
I am mock-ai. I do what directives in your message say, in their order:
[[say some text]] stream this text; [[tokens 50]] stream 50 words; [[think some text]] reason aloud
[[call tool_name {"argument": "value"}]] call a tool; several in one step run in parallel
[[step]] begin the next step; [[repeat 5]] do this step 5 times; <step> is its number
[[wait 2]] pause 2 seconds; [[delay 50ms]] pause so long before each token from here on
[[fail rate_limit_error]] or [[fail 503]] fail here; with times 2 only in the first two attempts; [[cut]] break off
[[finish length]] end with this reason; [[usage 1000 500 200]] report prompt, completion and cached tokens"""


class DirectiveError(ValueError):
    """A directive that cannot be read; the text says which, and why."""


@dataclass(frozen=True, slots=True)
class Say:
    """Stream a text."""

    text: str


@dataclass(frozen=True, slots=True)
class Tokens:
    """Stream so many words."""

    count: int


@dataclass(frozen=True, slots=True)
class Think:
    """Stream a text as reasoning."""

    text: str


@dataclass(frozen=True, slots=True)
class Call:
    """Call a tool; `arguments` is JSON text."""

    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Pause."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Delay:
    """Pause before each token from here on, in later steps too."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Fail:
    """Fail as a class or an HTTP status does, in the first `times` attempts (None: in every one)."""

    cause: ErrorType | int
    times: int | None


@dataclass(frozen=True, slots=True)
class Cut:
    """Break the connection."""


@dataclass(frozen=True, slots=True)
class Finish:
    """End with this reason."""

    reason: FinishReason


@dataclass(frozen=True, slots=True)
class Report:
    """Report this usage instead of the counted one."""

    prompt: int
    completion: int
    cached: int
    written: int


@dataclass(frozen=True, slots=True)
class Explain:
    """Stream `HELP`."""


Action = Explain | Say | Tokens | Think | Call | Wait | Delay | Fail | Cut | Finish | Report
Step = tuple[Action, ...]

_OPENING = re.compile(r"\[\[\s*([A-Za-z_]+)")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|)")
_UNITS = MappingProxyType({"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "": 1.0})
_NAME = re.compile(r"\s*([A-Za-z_][\w.-]*)\s*")
_REASONS = ("stop", "tool_calls", "length", "content_filter")
_decode = json.JSONDecoder().raw_decode


@lru_cache(maxsize=128)
def parse(text: str) -> tuple[Step, ...]:
    """The steps that a message asks for, none where it has no directive. Raises DirectiveError."""
    steps: list[list[Action]] = [[]]
    repeats = [1]
    position = 0
    while (opening := _OPENING.search(text, position)) is not None:
        word = opening[1].lower()
        argument, position = _argument(text, opening, word)
        if word == "step":
            steps.append([])
            repeats.append(1)
        elif word == "repeat":
            repeats[-1] = _count(argument, MAX_STEPS, "[[repeat 5]]")
        else:
            steps[-1].append(_action(word, argument))
    if sum(repeats) > MAX_STEPS:
        raise DirectiveError(f"this makes {sum(repeats)} steps; at most {MAX_STEPS} can be asked for")
    return tuple(tuple(step) for step, times in zip(steps, repeats, strict=True) for _ in range(times) if step)


def _argument(text: str, opening: re.Match[str], word: str) -> tuple[str, int]:
    """What stands between the word and `]]`, and where that ends. JSON may contain `]]`, a bare text may not."""
    start = opening.end()
    end = text.find("]]", start)
    name = _NAME.match(text, start) if word == "call" else None
    value = _skip_space(text, name.end() if name else start)
    if text.startswith("{" if word == "call" else '"', value):
        try:
            after = _skip_space(text, _decode(text, value)[1])
        except (json.JSONDecodeError, RecursionError) as error:
            if word == "call":
                reason = error.msg if isinstance(error, json.JSONDecodeError) else "nested too deep"
                raise DirectiveError(f"in {_quote(text, opening)} the JSON is wrong: {reason}") from error
        else:
            end = after if word == "call" or text.startswith("]]", after) else end
    if not text.startswith("]]", end) or end < 0:
        raise DirectiveError(f"{_quote(text, opening)} does not end with ]]")
    return text[start:end].strip(), end + 2


def _skip_space(text: str, position: int) -> int:
    while text[position : position + 1].isspace():
        position += 1
    return position


def _quote(text: str, opening: re.Match[str]) -> str:
    return repr(text[opening.start() : opening.start() + 40])


def _action(word: str, argument: str) -> Action:
    reader = _READERS.get(word)
    if reader is None:
        known = ", ".join(sorted((*_READERS, "step", "repeat")))
        raise DirectiveError(f"there is no directive {word!r}; there are {known}")
    return reader(argument)


def _text(argument: str, example: str) -> str:
    text = argument
    if argument.startswith('"'):
        with suppress(json.JSONDecodeError):  # it may only begin like a JSON string
            text = str(json.loads(argument)).encode("utf-8", "replace").decode()
    if not text:
        raise DirectiveError(f"a text is missing, as in {example}")
    return text


def _count(argument: str, most: int, example: str) -> int:
    if not re.fullmatch(r"\d{1,9}", argument) or not 1 <= int(argument) <= most:
        raise DirectiveError(f"{argument!r} is no number from 1 to {most}, as in {example}")
    return int(argument)


def _seconds(argument: str, example: str) -> float:
    match = _DURATION.fullmatch(argument)
    seconds = float(match[1]) * _UNITS[match[2]] if match else math.inf
    if seconds > MAX_SECONDS:
        raise DirectiveError(f"{argument!r} is no time up to an hour, as in {example}")
    return seconds


def _call(argument: str) -> Call:
    name = _NAME.match(argument)
    if name is None:
        raise DirectiveError('a tool is missing, as in [[call execute_command {"command": "ls"}]]')
    arguments = argument[name.end() :].strip() or "{}"
    if not arguments.startswith("{"):
        raise DirectiveError(f"the arguments of {name[1]} are no JSON object: {arguments[:40]!r}")
    return Call(name[1], arguments)


def _fail(argument: str) -> Fail:
    match = re.fullmatch(r"(\w+)(?:\s+times\s+(\d{1,3}))?", argument)
    if match is None:
        raise DirectiveError(f"{argument!r} is no failure, as in [[fail rate_limit_error]] or [[fail 503 times 2]]")
    times = int(match[2]) if match[2] else None
    if re.fullmatch(r"[45]\d\d", match[1]):
        return Fail(int(match[1]), times)
    if match[1] not in frozenset(ErrorType):
        raise DirectiveError(f"{match[1]!r} is neither an HTTP status nor one of {', '.join(ErrorType)}")
    return Fail(ErrorType(match[1]), times)


def _cut(argument: str) -> Cut:
    if argument:
        raise DirectiveError("[[cut]] takes no argument")
    return Cut()


def _finish(argument: str) -> Finish:
    if argument not in _REASONS:
        raise DirectiveError(f"{argument!r} is no finish reason; there are {', '.join(_REASONS)}")
    return Finish(cast(FinishReason, argument))


def _usage(argument: str) -> Report:
    figures = argument.split()
    if not 2 <= len(figures) <= 4 or not all(re.fullmatch(r"\d{1,9}", figure) for figure in figures):
        raise DirectiveError(f"{argument!r} is no usage, as in [[usage 1000 500 200]]: prompt, completion, cached")
    prompt, completion, cached, written = (*map(int, figures), 0, 0)[:4]
    return Report(prompt, completion, cached, written)


_READERS: MappingProxyType[str, Callable[[str], Action]] = MappingProxyType(
    {
        "say": lambda argument: Say(_text(argument, "[[say hello]]")),
        "think": lambda argument: Think(_text(argument, "[[think let me see]]")),
        "tokens": lambda argument: Tokens(_count(argument, MAX_TOKENS, "[[tokens 50]]")),
        "wait": lambda argument: Wait(_seconds(argument, "[[wait 2]]")),
        "delay": lambda argument: Delay(_seconds(argument, "[[delay 50ms]]")),
        "call": _call,
        "fail": _fail,
        "cut": _cut,
        "finish": _finish,
        "usage": _usage,
        "help": lambda _: Explain(),
    }
)
