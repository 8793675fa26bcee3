"""The reader of server-sent events gives the same payloads however the network cuts the bytes."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.agent.llm.sse import LineTooLongError, SseReader

_TEXT = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=12)
_EVENT = st.lists(_TEXT, min_size=1, max_size=3)
_NOISE = st.sampled_from(["", ": keep-alive", "event: message", "id: 7", "retry: 10", ":"])


def _read(pieces: list[bytes], max_line: int = 1 << 16) -> list[bytes]:
    reader = SseReader(max_line)
    return [payload for piece in pieces for payload in reader.feed(piece)] + reader.close()


def _feed_for_ever(reader: SseReader, piece: bytes) -> None:
    for _ in range(20):
        reader.feed(piece)


def _pieces(wire: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(cut % (len(wire) + 1) for cut in cuts), len(wire)]
    return [wire[start:end] for start, end in pairwise(edges)]


@settings(deadline=None)
@given(
    events=st.lists(_EVENT, max_size=6),
    noise=_NOISE,
    newline=st.sampled_from(["\n", "\r\n"]),
    space=st.sampled_from(["", " "]),
    bom=st.booleans(),
    cuts=st.lists(st.integers(min_value=0, max_value=10_000), max_size=20),
)
def test_payloads_do_not_depend_on_where_reads_end(
    events: list[list[str]], noise: str, newline: str, space: str, bom: bool, cuts: list[int]
) -> None:
    # Without the optional space a payload that begins with one would lose it, as the standard says.
    space = " " if any(line.startswith(" ") for event in events for line in event) else space
    lines = [line for event in events for line in (noise, *(f"data:{space}{part}" for part in event), "")]
    wire = ("\ufeff" * bom + "".join(line + newline for line in lines)).encode()

    payloads = _read(_pieces(wire, cuts))

    assert payloads == ["\n".join(event).encode() for event in events]


def test_every_single_byte_may_be_a_read_of_its_own() -> None:
    wire = 'data: {"a": "世界🌍"}\r\n\r\ndata: b\n\n'.encode()

    assert _read([wire[position : position + 1] for position in range(len(wire))]) == ['{"a": "世界🌍"}'.encode(), b"b"]


def test_last_event_without_its_blank_line_comes_at_the_end() -> None:
    assert _read([b"data: one\n\ndata: [DONE]"]) == [b"one", b"[DONE]"]


def test_event_without_data_is_none() -> None:
    assert _read([b"event: ping\n\n: nothing\n\n\n\n"]) == []


def test_line_within_the_bound_is_read_and_one_beyond_it_is_refused() -> None:
    assert _read([b"data: " + b"x" * 90 + b"\n\n"], max_line=100) == [b"x" * 90]
    with pytest.raises(LineTooLongError):
        _read([b"data: " + b"x" * 110 + b"\n\n"], max_line=100)


def test_line_that_does_not_end_is_not_kept_beyond_the_bound() -> None:
    reader = SseReader(100)
    reader.feed(b"data: ")

    with pytest.raises(LineTooLongError):
        _feed_for_ever(reader, b"x" * 10)


def test_many_short_data_lines_of_one_event_are_bounded_too() -> None:
    with pytest.raises(LineTooLongError):
        _read([b"data: 12345678\n"] * 20, max_line=100)
