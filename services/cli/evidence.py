"""Whether a run that called a tool left everything it must leave: frames, rows, charge. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from .client import Frame, is_terminal

Row = dict[str, Any]


@dataclass(frozen=True)
class Evidence:
    """What a client saw of one run, and found afterwards."""

    frames: list[Frame]
    messages: list[Row]
    usage: list[Row]
    transactions: list[Row]


def missing(seen: Evidence, tool: str, printed: str) -> list[str]:
    """What is wrong, a sentence each; `tool` was to be called and to print `printed`. Empty: all is well."""
    return [*_of_frames(seen.frames, tool, printed), *_of_rows(seen), *_of_charges(seen)]


def _of_frames(frames: list[Frame], tool: str, printed: str) -> Iterator[str]:
    if [frame.get("status") for frame in frames if is_terminal(frame)] != ["completed"]:
        yield "the stream has not exactly one terminal frame that says completed"
    if not any(_streams_text(frame) for frame in frames):
        yield "no text was streamed"
    results = [_inner(frame, "metadata") for frame in frames if frame.get("type") == "tool"]
    if not any(_succeeded(result, tool, printed) for result in results):
        yield f"no frame shows that {tool} succeeded and printed {printed!r}"
    if len(set(ids := [frame["_event_id"] for frame in frames if "_event_id" in frame])) != len(ids):
        yield "an event id came twice"


def _of_rows(seen: Evidence) -> Iterator[str]:
    types = [row["type"] for row in seen.messages]
    for wanted in ("user", "assistant", "tool"):
        if wanted not in types:
            yield f"no {wanted} message is stored"
    shown = {frame["message_id"] for frame in seen.frames if _is_whole_message(frame)}
    if not shown <= {row["message_id"] for row in seen.messages}:
        yield "a message that was streamed is not stored under its id"


def _of_charges(seen: Evidence) -> Iterator[str]:
    steps = sum(_is_step(frame) for frame in seen.frames)
    if len(seen.usage) != steps:
        yield f"{steps} model steps were streamed and {len(seen.usage)} are charged"
    if not sum(record["credits_used"] for record in seen.usage) > 0:
        yield "the run cost nothing"
    if not any(entry["amount"] < 0 for entry in seen.transactions):
        yield "the ledger shows no spending for the run"


def _streams_text(frame: Frame) -> bool:
    return frame.get("type") == "assistant" and _inner(frame, "metadata").get("stream_status") == "chunk"


def _succeeded(metadata: dict[str, Any], tool: str, printed: str) -> bool:
    result = metadata.get("result") or {}
    called = metadata.get("function_name") == tool and result.get("success") is True
    return called and printed in orjson.dumps(result.get("output")).decode()


def _is_whole_message(frame: Frame) -> bool:
    return frame.get("type") in {"assistant", "tool"} and bool(frame.get("message_id"))


def _is_step(frame: Frame) -> bool:
    return frame.get("type") == "assistant" and _is_whole_message(frame)


def _inner(frame: Frame, field: str) -> dict[str, Any]:
    """`content` and `metadata` are JSON inside JSON."""
    value = orjson.loads(frame.get(field) or "{}")
    return value if isinstance(value, dict) else {}
