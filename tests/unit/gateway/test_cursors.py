from __future__ import annotations

import pytest

from services.gateway.edge.codec.cursors import decode_cursor
from services.gateway.edge.domain import Cursor
from services.gateway.edge.errors import InvalidCursor


@pytest.mark.parametrize(
    ("header", "query", "expected"),
    [
        (None, None, None),
        ("", "", None),
        ("1-5", None, Cursor(1, 5)),
        (None, "2-3", Cursor(2, 3)),
        ("1-99", "2-3", Cursor(2, 3)),
        ("2-10", "2-9", Cursor(2, 10)),
        ("0-1", "0-1", Cursor(0, 1)),
    ],
)
def test_the_greater_of_both_wins(header: str | None, query: str | None, expected: Cursor | None) -> None:
    assert decode_cursor(header, query) == expected


@pytest.mark.parametrize("text", ["x", "1", "1-", "-1", "1-2-3", " 1-2", "1-2\n", "1_0-2", "٣-١", "9999999999-1"])
def test_what_is_no_event_id_is_refused_by_name(text: str) -> None:
    with pytest.raises(InvalidCursor) as refused:
        decode_cursor(None, text)
    assert refused.value.violations[0].field == "last_id"


def test_a_malformed_cursor_is_refused_beside_a_good_one() -> None:
    with pytest.raises(InvalidCursor):
        decode_cursor("1-2", "nonsense")


def test_a_cursor_is_written_as_it_was_read() -> None:
    assert str(Cursor(3, 14)) == "3-14"
