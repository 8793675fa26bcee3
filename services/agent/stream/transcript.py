"""What has been shown of messages that are not complete, so that it can be told again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from services.agent.domain.events import (
    AssistantComplete,
    MessageReset,
    ModelCallStarted,
    ReasoningChunk,
    RunEvent,
    TextChunk,
    ToolCallChunk,
)


@dataclass(slots=True)
class _Call:
    function_name: str
    index: int
    arguments: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Message:
    since: int
    """The n of its first event."""
    text: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    calls: dict[str, _Call] = field(default_factory=dict)
    closing: bool = False


class Transcript:
    """The open messages of a run; in practice at most one."""

    def __init__(self) -> None:
        self._messages: dict[str, _Message] = {}

    def note(self, event: RunEvent, n: int) -> None:
        """Takes an event into account as it is given its id. A message whose end is reserved is not told again."""
        match event:
            case TextChunk():
                self._message(event.message_id, n).text.append(event.text)
            case ReasoningChunk():
                self._message(event.message_id, n).reasoning.append(event.text)
            case ToolCallChunk():
                calls = self._message(event.message_id, n).calls
                call = calls.setdefault(event.tool_call_id, _Call(event.function_name, event.index))
                call.arguments.append(event.arguments_delta)
            case AssistantComplete() if event.message_id in self._messages:
                self._messages[event.message_id].closing = True
            case MessageReset():
                self._messages.pop(event.message_id, None)
            case ModelCallStarted():
                self._messages.clear()
            case _:
                pass

    def settle(self, event: RunEvent, *, written: bool) -> None:
        """A reserved event was stored, or is withdrawn: its message is complete, or open again."""
        if isinstance(event, AssistantComplete) and event.message_id in self._messages:
            if written:
                del self._messages[event.message_id]
            else:
                self._messages[event.message_id].closing = False

    def began_before(self, n: int) -> bool:
        """Whether an open message's first events have an n below this."""
        return any(message.since < n for message in self._messages.values() if not message.closing)

    def retell(self) -> list[RunEvent]:
        """For each open message: forget its chunks, then the whole of it."""
        told: list[RunEvent] = []
        for message_id, message in self._messages.items():
            if not message.closing:
                told += [MessageReset(message_id, "stream_lost"), *_whole(message_id, message)]
        return told

    def _message(self, message_id: str, n: int) -> _Message:
        message = self._messages.get(message_id)
        if message is None:
            message = self._messages[message_id] = _Message(n)
        return message


def _whole(message_id: str, message: _Message) -> Iterator[RunEvent]:
    if message.reasoning:
        yield ReasoningChunk(message_id, "".join(message.reasoning))
    if message.text:
        yield TextChunk(message_id, "".join(message.text))
    for call_id, call in message.calls.items():
        yield ToolCallChunk(message_id, call_id, call.function_name, "".join(call.arguments), call.index)
