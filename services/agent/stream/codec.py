"""The wire forms of this room, and the few looks into events that the reader needs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mesh.agent.v1 import events_pb2, runs_pb2

from services.agent.codec.events import encode_event
from services.agent.domain.events import (
    MessageReset,
    ReasoningChunk,
    RunEvent,
    TextChunk,
    ToolCallChunk,
)
from services.agent.stream.ids import EventId
from services.agent.stream.ports import StoredEvent

WireEvent = events_pb2.RunEvent

CHUNKS = frozenset({"text_chunk", "reasoning_chunk", "tool_call_chunk"})
_EVENTS_TAG = b"\x1a"  # field 3 of WatchRunResponse, length-delimited


def frame(payload: bytes) -> bytes:
    """A serialized RunEvent as an element of WatchRunResponse.events: such elements, joined, are one valid response."""
    size = len(payload)
    if size < 0x80:
        return _EVENTS_TAG + size.to_bytes(1, "little") + payload
    length = bytearray()
    while size >= 0x80:
        length.append(size & 0x7F | 0x80)
        size >>= 7
    length.append(size)
    return _EVENTS_TAG + length + payload


def encode(event: RunEvent, at: EventId, at_ms: int, *, durable: bool) -> bytes:
    """A serialized RunEvent."""
    return encode_event(event, at.epoch, at.n, at_ms, durable=durable).SerializeToString()


def live(event: RunEvent, at: EventId, at_ms: int) -> WireEvent:
    """A RunEvent that stands in for lost ones."""
    return encode_event(event, at.epoch, at.n, at_ms, durable=False)


def parse_batch(payload: bytes) -> Sequence[WireEvent]:
    """The events of an entry."""
    return runs_pb2.WatchRunResponse.FromString(payload).events


def parse_stored(row: StoredEvent) -> WireEvent:
    """The event of a row."""
    return WireEvent.FromString(row.payload)


def batch(events: Iterable[WireEvent], *, gap: bool) -> bytes:
    """A serialized WatchRunResponse."""
    return runs_pb2.WatchRunResponse(events=events, gap=gap).SerializeToString()


def id_of(event: WireEvent) -> EventId:
    return EventId(event.epoch, event.n)


def kind_of(event: WireEvent) -> str:
    """The field of the oneof that is set; empty: none that is known here."""
    return event.WhichOneof("event") or ""


def message_of(event: WireEvent) -> str:
    """The assistant message that an event of a message kind is about."""
    kind = kind_of(event)
    if kind == "model_call_started":
        return event.model_call_started.assistant_message_id
    return str(getattr(event, kind).message_id)


def whole(event: WireEvent) -> list[RunEvent]:
    """A complete message as chunks: reasoning, text, one per call."""
    said = event.assistant_complete
    told: list[RunEvent] = []
    if said.reasoning:
        told.append(ReasoningChunk(said.message_id, said.reasoning))
    if said.text:
        told.append(TextChunk(said.message_id, said.text))
    for place, call in enumerate(said.tool_calls):
        arguments = call.arguments_json
        told.append(ToolCallChunk(said.message_id, call.tool_call_id, call.function_name, arguments, place))
    return told


def withdrawal(message_id: str) -> MessageReset:
    return MessageReset(message_id, "stream_lost")
