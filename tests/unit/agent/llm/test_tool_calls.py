"""Pieces of tool calls find their call, whatever the server forgets."""

from __future__ import annotations

from typing import Any

import pytest

from services.agent.llm.port import ToolCallDelta
from services.agent.llm.tool_calls import ToolCalls
from tests.unit.agent.llm.answering import calls, delta, read


def _piece(name: str | None = None, arguments: Any = "", **fields: Any) -> dict[str, Any]:
    function = {"arguments": arguments} | ({"name": name} if name is not None else {})
    return {**fields, "function": function}


def _whole(pieces: list[dict[str, Any]]) -> list[tuple[str | None, str]]:
    made, whole = ToolCalls("run:1"), list[tuple[str | None, str]]()
    for piece in pieces:
        for event in made.read([piece]):
            if event.index == len(whole):
                assert event.call_id
                whole.append((event.name, ""))
            else:
                assert event.call_id is event.name is None
            name, arguments = whole[event.index]
            whole[event.index] = (name, arguments + event.arguments_delta)
    assert not made.unnamed
    return whole


TWO = [("f", '{"x":1}'), ("g", '{"y":2}')]


@pytest.mark.parametrize(
    "pieces",
    [
        [
            _piece("f", index=0, id="a"),
            _piece(None, '{"x":', index=0),
            _piece("g", index=1, id="b"),
            _piece(None, "1}", index=0),
            _piece(None, '{"y":2}', index=1),
        ],
        [_piece("f", '{"x":', id="a"), _piece(None, "1}"), _piece("g", '{"y":', id="b"), _piece(None, "2}")],
        [_piece("f", '{"x":', id="a"), _piece("f", "1}", id="a"), _piece("g", '{"y":2}', id="b")],
        [_piece("f", '{"x":', id="a"), _piece("f", "1}"), _piece("g", '{"y":2}', id="b")],
        [_piece("f", '{"x":1}', index=0, id="a"), _piece("g", '{"y":2}', index=0, id="b")],
        [_piece("f", '{"x":1}'), _piece("g", '{"y":2}')],
        [_piece("f", {"x": 1}, index=0), _piece("g", {"y": 2}, index=1)],
        [_piece("f", '{"x":1}', index=3, id="a"), _piece("g", '{"y":2}', index=7, id="b")],
        [_piece("", '{"x"', index=0, id="a"), _piece("f", ":1}", index=0), _piece("g", '{"y":2}', index=1, id="b")],
    ],
    ids=[
        "by the book, interleaved",
        "no index",
        "no index, id and name repeated",
        "no index, name repeated without id",
        "index 0 for all",
        "neither index nor id",
        "arguments as objects",
        "indexes with gaps",
        "name after the first piece",
    ],
)
def test_pieces_make_the_same_two_calls(pieces: list[dict[str, Any]]) -> None:
    assert _whole(pieces) == TWO


def test_same_tool_twice_without_ids_is_two_calls() -> None:
    assert _whole([_piece("f", '{"x":1}'), _piece("f", '{"x":2}')]) == [("f", '{"x":1}'), ("f", '{"x":2}')]


def test_made_ids_are_short_stable_and_differ_between_steps() -> None:
    first, again, other = (ToolCalls(request_id).read([_piece("f")])[0].call_id for request_id in ("r:1", "r:1", "r:2"))

    assert first == again != other
    assert first is not None
    assert len(first) <= 40


def test_call_without_arguments_is_told_at_once() -> None:
    assert ToolCalls("").read([_piece("f", None, index=0, id="a")]) == [ToolCallDelta(0, "a", "f", "")]


def test_call_that_never_gets_a_name_spoils_the_answer() -> None:
    error = read(calls(_piece(None, "{}", index=0, id="a")), delta("tool_calls"), b"[DONE]")[1]

    assert error is not None
    assert "name" in error.message
