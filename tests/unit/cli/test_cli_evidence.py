"""The demo's checks: they must be able to fail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson
import pytest

from services.cli.client import Frame
from services.cli.evidence import Evidence, missing

DONE: Frame = {"type": "status", "status": "completed", "_event_id": "1-9"}


def frame(kind: str, event: str, metadata: dict[str, Any], **more: Any) -> Frame:
    return {"type": kind, "_event_id": event, "metadata": orjson.dumps(metadata).decode(), "content": "{}", **more}


def tool_result(success: bool) -> Frame:
    result = {"success": success, "output": "hello\n", "error": None}
    return frame("tool", "1-4", {"function_name": "execute_command", "result": result}, message_id="m3")


GOOD = Evidence(
    frames=[
        frame("assistant", "1-1", {"stream_status": "chunk"}, message_id=None),
        frame("assistant", "1-2", {"stream_status": "complete"}, message_id="m2"),
        tool_result(True),
        frame("assistant", "1-5", {"stream_status": "complete"}, message_id="m4"),
        DONE,
    ],
    messages=[
        {"type": "user", "message_id": "m1"},
        {"type": "assistant", "message_id": "m2"},
        {"type": "tool", "message_id": "m3"},
        {"type": "assistant", "message_id": "m4"},
    ],
    usage=[{"credits_used": 0.01}, {"credits_used": 0.01}],
    transactions=[{"amount": -0.02}],
)


def test_a_good_run_has_nothing_missing() -> None:
    assert missing(GOOD, "execute_command", "hello") == []


def without(kind: str) -> Callable[[Evidence], Evidence]:
    return lambda seen: replace(seen, messages=[row for row in seen.messages if row["type"] != kind])


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda seen: replace(seen, frames=[*seen.frames, DONE | {"_event_id": "1-10"}]), "exactly one terminal frame"),
        (lambda seen: replace(seen, frames=seen.frames[:-1]), "exactly one terminal frame"),
        (lambda seen: replace(seen, frames=seen.frames[1:]), "no text was streamed"),
        (lambda seen: replace(seen, frames=[*seen.frames[:2], tool_result(False), *seen.frames[3:]]), "succeeded"),
        (lambda seen: replace(seen, frames=[seen.frames[0], *seen.frames]), "came twice"),
        (without("user"), "no user message"),
        (without("tool"), "not stored under its id"),
        (lambda seen: replace(seen, usage=seen.usage[:1]), "2 model steps were streamed and 1 are charged"),
        (lambda seen: replace(seen, usage=[{"credits_used": 0.0}] * 2), "cost nothing"),
        (lambda seen: replace(seen, transactions=[]), "no spending"),
    ],
)
def test_what_is_missing_is_said(spoil: Callable[[Evidence], Evidence], complaint: str) -> None:
    assert complaint in " / ".join(missing(spoil(GOOD), "execute_command", "hello"))


def test_a_tool_that_printed_something_else_is_noticed() -> None:
    assert missing(GOOD, "execute_command", "goodbye") != []
