"""What viewers of a run were shown, beside each other and beside what is stored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tests.chaos.clients import History
from tests.chaos.findings import Violation
from tests.support.story import check_rows

Row = dict[str, Any]


def shown_alike(history: History) -> Iterator[Violation]:
    """I11: a stored event is the same frame for everybody, live or told again."""
    first: dict[str, Row] = {}
    for view in history.views:
        for frame in view.durable:
            if (other := first.setdefault(frame["_event_id"], frame)) != frame:
                yield Violation("I11", history.run_id, f"shown as {other}, and as {frame}")


def shown_as_stored(history: History, stored: Sequence[str]) -> Iterator[tuple[Violation, int]]:
    """I7, I11: `stored` are the ids of the run's events; with how many are lost."""
    for view in history.views:
        shown = {frame["_event_id"] for frame in view.frames}
        told = {frame["_event_id"] for frame in view.durable if frame["type"] != "message_reset"}
        if lost := told - set(stored):
            yield Violation("I7", history.run_id, f"shown and not stored: {sorted(lost)}"), len(lost)
        if view.ended and (missed := [event for event in stored if event not in shown]):
            yield Violation("I11", history.run_id, f"stored and not shown: {missed}"), 0


def shown_as_messages(history: History, rows: Sequence[Row]) -> Iterator[tuple[Violation, int]]:
    """I7, I12: `rows` are those that threads has of the run; with how many are lost."""
    said = {row["message_id"]: row for row in rows}
    for view in history.views:
        told = {frame["message_id"] for frame in view.durable if frame["type"] in ("assistant", "tool")}
        lost = (told | set(view.told)) - set(said)
        for message_id in lost:
            yield Violation("I7", history.run_id, f"message {message_id} was shown whole and is not at threads"), 1
        for message_id, text in view.told.items():
            if message_id in said and (other := said[message_id]["metadata"].get("text_content")) != text:
                yield Violation("I12", history.run_id, f"{message_id}: told {text!r}, stored {other!r}"), 0
        if view.ended and not lost:
            yield from ((violation, 0) for violation in _as_rows(history, view.frames, rows))


def _as_rows(history: History, frames: list[Row], rows: Sequence[Row]) -> Iterator[Violation]:
    try:
        check_rows(frames, list(rows))
    except KeyError as missing:
        yield Violation("I7", history.run_id, f"the row {missing} was told, and is not at threads")
    except AssertionError as wrong:
        yield Violation("I12", history.run_id, f"not as it is stored: {wrong}")
