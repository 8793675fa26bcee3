"""What viewers and the model are shown of a tool's output."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.agent.engine.tool_manager import MAX_CONTENT, Shown, content_of
from services.agent.ports import ToolOutcome


@given(st.lists(st.lists(st.integers(1, 5), max_size=8), min_size=1, max_size=4))
def test_output_is_shown_once_however_often_and_however_cut_it_is_told(attachments: list[list[int]]) -> None:
    output = "".join(chr(97 + n % 26) for n in range(40))
    shown, told = Shown(), ""
    for sizes in attachments:
        shown.rewind()
        at = 0
        for size in sizes:
            told += shown.fresh(output[at : at + size])
            at += size
    assert told == output[: max(sum(sizes) for sizes in attachments)]


@pytest.mark.parametrize(
    ("outcome", "content"),
    [
        (ToolOutcome(True, '"plain"', None, "succeeded"), "plain"),
        (ToolOutcome(True, '{"a":1}', None, "succeeded"), '{"a":1}'),
        (ToolOutcome(True, "null", None, "succeeded"), ""),
        (ToolOutcome(True, "", None, "succeeded"), ""),
        (ToolOutcome(True, r'"a\u0000b"', None, "succeeded"), "ab"),
        (ToolOutcome(True, r'{"a":"\ud83d"}', None, "succeeded"), r'{"a":"\ud83d"}'),
        (ToolOutcome(True, "no JSON", None, "succeeded"), "no JSON"),
        (ToolOutcome(False, "null", "no such file", "failed"), "Error: no such file"),
        (ToolOutcome(False, '"trace"', "exit 1", "failed"), "Error: exit 1\ntrace"),
        (ToolOutcome(False, "null", None, "unknown"), "Error: the tool failed"),
    ],
)
def test_the_model_is_shown_text(outcome: ToolOutcome, content: str) -> None:
    assert content_of(outcome) == content


def test_the_model_is_shown_how_much_of_a_long_result_is_missing() -> None:
    text = "x" * (MAX_CONTENT + 7)
    shown = content_of(ToolOutcome(True, f'"{text}"', None, "succeeded"))
    assert shown == "x" * MAX_CONTENT + "\n[7 more characters]"
