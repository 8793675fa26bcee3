"""What mock-ai does next: from the messages of a request to a list of beats.

The script stands in the last user message; where a run is in it is read off the messages after that one, so that
nothing is remembered between calls and any process continues a run. A beat is one thing that happens on the wire; the
adapter and the test model server perform the same beats, each in its own way.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import orjson

from services.agent.llm import directives as d
from services.agent.llm.errors import ErrorType
from services.agent.llm.port import FinishReason

_WORD = re.compile(r"\s*\S+\s*\Z|\s*\S+|\s+\Z")


@dataclass(frozen=True, slots=True)
class Token:
    """One token of text, or of reasoning."""

    text: str
    reasoning: bool = False


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A whole tool call; `index` counts from 0 within the answer."""

    index: int
    call_id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing happens for so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Failure:
    """The provider fails, in a class or with an HTTP status."""

    cause: ErrorType | int


@dataclass(frozen=True, slots=True)
class Broken:
    """The connection breaks."""


@dataclass(frozen=True, slots=True)
class End:
    """The answer is whole. `usage` is prompt and completion tokens, and those read from and written to the cache."""

    reason: FinishReason
    usage: tuple[int, int, int, int]


Beat = Token | ToolCall | Pause | Failure | Broken | End


def tokenise(text: str) -> list[str]:
    """A token is a word with the space before it; the tokens concatenate to the text."""
    return _WORD.findall(text)


def count_tokens(text: str) -> int:
    """How many tokens a text has."""
    return len(text.split())


def perform(
    messages: Sequence[Mapping[str, Any]],
    *,
    tools: Sequence[Mapping[str, Any]] = (),
    attempt: int = 1,
    max_tokens: int | None = None,
) -> Iterator[Beat]:
    """The beats of the answer to these messages: ends with End, Failure or Broken, and nothing after it."""
    prompt, later = _split(messages)
    try:
        steps = d.parse(prompt)
    except d.DirectiveError as error:
        steps = ((d.Say(f"mock-ai could not follow your message: {error}. Write [[help]] to see what there is."),),)
    done = sum(1 for message in later if message.get("role") == "assistant")
    scene = _Scene(done + 1, len(messages), attempt, max_tokens, _delay_before(steps[:done]))
    action = steps[done] if done < len(steps) else (d.Say(_unscripted(prompt, later)),)
    return scene.play(action, count_prompt(messages, tools))


def count_prompt(messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]]) -> int:
    """How many tokens a request sends."""
    count = sum(count_tokens(_content(message)) for message in messages)
    for message in messages:
        count += sum(count_tokens(call["function"]["arguments"]) for call in message.get("tool_calls") or ())
    return count + (count_tokens(orjson.dumps(tools).decode()) if tools else 0)


class _Scene:
    """One step being played."""

    def __init__(self, step: int, position: int, attempt: int, max_tokens: int | None, delay: float) -> None:
        self._step = step
        self._position = position
        self._attempt = attempt
        self._room = max_tokens
        self._delay = delay
        self._calls = 0
        self._completion = 0
        self._reason: FinishReason | None = None
        self._usage: tuple[int, int, int, int] | None = None
        self._spoken = False

    def play(self, actions: d.Step, prompt_tokens: int) -> Iterator[Beat]:
        for action in actions:
            for beat in self._act(action):
                yield beat
                if isinstance(beat, Failure | Broken):
                    return
            if self._room is not None and self._completion >= self._room:
                self._reason = "length"
                break
        reason = self._reason or ("tool_calls" if self._calls else "stop")
        yield End(reason, self._usage or (prompt_tokens, self._completion, 0, 0))

    def _act(self, action: d.Action) -> Iterator[Beat]:
        match action:
            case d.Say(text):
                yield from self._speak(tokenise(self._fill(text)))
            case d.Explain():
                yield from self._speak(tokenise(d.HELP))
            case d.Think(text):
                yield from self._tokens(tokenise(self._fill(text)), reasoning=True)
            case d.Tokens(count):
                yield from self._speak(_words(count))
            case d.Call(name, arguments):
                yield self._call(name, self._fill(arguments))
            case d.Wait(seconds):
                yield Pause(seconds)
            case d.Fail(cause, times) if times is None or self._attempt <= times:
                yield Failure(cause)
            case d.Cut():
                yield Broken()
            case _:
                self._set(action)

    def _set(self, action: d.Action) -> None:
        match action:
            case d.Delay(seconds):
                self._delay = seconds
            case d.Finish(reason):
                self._reason = reason
            case d.Report(prompt, completion, cached, written):
                self._usage = (prompt, completion, cached, written)

    def _speak(self, tokens: Iterable[str]) -> Iterator[Beat]:
        """Streams text, on a line of its own."""
        words = iter(tokens)
        first = next(words)
        yield from self._tokens(chain((f"\n{first}" if self._spoken else first,), words))
        self._spoken = True

    def _tokens(self, tokens: Iterable[str], *, reasoning: bool = False) -> Iterator[Beat]:
        for token in tokens:
            if self._room is not None and self._completion >= self._room:
                return
            if self._delay:
                yield Pause(self._delay)
            self._completion += 1
            yield Token(token, reasoning)

    def _call(self, name: str, arguments: str) -> ToolCall:
        # Unique within a thread, whose messages only grow, and the same when the step is asked again.
        call = ToolCall(self._calls, f"call_{self._position}_{self._calls}", name, arguments)
        self._calls += 1
        self._completion += count_tokens(arguments) + 1
        return call

    def _fill(self, text: str) -> str:
        return text.replace("<step>", str(self._step))


def _split(messages: Sequence[Mapping[str, Any]]) -> tuple[str, Sequence[Mapping[str, Any]]]:
    """The last user message's text, and what follows it. An image shown by a tool is no word of the user's."""
    for position in range(len(messages) - 1, -1, -1):
        message = messages[position]
        if message.get("role") == "user" and not _is_image(message):
            return _content(message), messages[position + 1 :]
    return "", messages


def _is_image(message: Mapping[str, Any]) -> bool:
    content = message.get("content")
    return (
        isinstance(content, list)
        and any(part.get("type") == "image_url" for part in content)
        and "[[" not in _content(message)
    )


def _content(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, str):
        return content
    return "\n".join(part.get("text") or "" for part in content or () if part.get("type") == "text")


def _delay_before(steps: Sequence[d.Step]) -> float:
    delays = [action.seconds for step in steps for action in step if isinstance(action, d.Delay)]
    return delays[-1] if delays else 0.0


def _words(count: int) -> Iterator[str]:
    yield "word1"
    for number in range(2, count + 1):
        yield f" word{number}"


def _unscripted(prompt: str, later: Sequence[Mapping[str, Any]]) -> str:
    results = sum(1 for message in later if message.get("role") == "tool")
    if results:
        return f"Done: {results} tool result{'s' * (results > 1)} came back, and nothing is left to do."
    heard = " ".join(prompt.split())
    heard = f"{heard[:200]}…" if len(heard) > 200 else heard
    return f"You said: {heard or 'nothing'}. I am mock-ai; write [[help]] to see what I can do."
