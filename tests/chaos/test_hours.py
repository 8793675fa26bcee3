"""What time a part takes it to be is read from what it logs."""

from __future__ import annotations

from tests.chaos.hours import logged


def test_the_last_whole_line_with_a_stamp_counts() -> None:
    tail = (
        'ed line"}\n{"event":"a","timestamp":"2026-01-01T00:00:00+00:00"}\n'
        '{"event":"b","timestamp":"2026-01-01T01:00:00+00:00"}\nplain words\n{"event":"c"}\n{"event":"cut o'
    )
    assert logged(tail) == 1767229200.0


def test_an_access_log_has_its_own_stamp() -> None:
    assert logged('{"time":"2026-01-01T01:00:00.000Z","path":"/v1/threads"}\n') == 1767229200.0


def test_who_says_nothing_has_no_time() -> None:
    assert logged("") is None
