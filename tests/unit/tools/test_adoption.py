"""What a process does with a row that runs, but not in it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.tools.domain.executions import Adoption, Call, Row, adoption
from services.tools.domain.tools import ToolClass

ME = "me"
ROW = Row(
    key="k",
    epoch=1,
    request_hash=b"h",
    function_name="f",
    owner="other",
    owned=False,
    remaining_s=10,
    elapsed_s=1,
    cancel_requested=False,
    note=None,
    output="",
    result=None,
)
CALL = Call("k", 1, "f", {"a": [1, {"b": 2}], "c": "d"}, "account", "project", "thread", "run", 10)


@pytest.mark.parametrize("tool_class", [ToolClass.PURE, ToolClass.IDEMPOTENT, ToolClass.AT_MOST_ONCE])
def test_row_of_a_live_other_process_is_left_to_it(tool_class: ToolClass) -> None:
    assert adoption(replace(ROW, owned=True), ME, tool_class) is Adoption.LEAVE


def test_queryable_effect_is_watched_from_here_though_its_process_lives() -> None:
    assert adoption(replace(ROW, owned=True), ME, ToolClass.QUERYABLE) is Adoption.RESUME


@pytest.mark.parametrize("tool_class", [ToolClass.PURE, ToolClass.IDEMPOTENT, ToolClass.QUERYABLE])
def test_row_of_a_dead_process_goes_on(tool_class: ToolClass) -> None:
    assert adoption(ROW, ME, tool_class) is Adoption.RESUME
    assert adoption(replace(ROW, owner=ME, owned=True), ME, tool_class) is Adoption.RESUME


def test_at_most_once_never_runs_again_by_itself() -> None:
    assert adoption(ROW, ME, ToolClass.AT_MOST_ONCE) is Adoption.GIVE_UP
    assert adoption(replace(ROW, owner=ME, owned=True), ME, ToolClass.AT_MOST_ONCE) is Adoption.GIVE_UP


@pytest.mark.parametrize("tool_class", list(ToolClass))
def test_row_that_is_to_be_cancelled_is_cancelled_unless_its_process_lives(tool_class: ToolClass) -> None:
    asked = replace(ROW, cancel_requested=True)
    assert adoption(asked, ME, tool_class) is Adoption.CANCEL
    assert adoption(replace(asked, owned=True), ME, tool_class) is Adoption.LEAVE


def test_past_the_deadline_only_a_queryable_effect_is_asked_after() -> None:
    late = replace(ROW, remaining_s=-1)
    assert adoption(late, ME, ToolClass.PURE) is Adoption.EXPIRE
    assert adoption(late, ME, ToolClass.IDEMPOTENT) is Adoption.GIVE_UP
    assert adoption(late, ME, ToolClass.QUERYABLE) is Adoption.RESUME


def test_request_hash_is_of_the_call_and_not_of_who_asks_or_how_it_was_written() -> None:
    same = replace(CALL, arguments={"c": "d", "a": [1, {"b": 2}]}, epoch=7, timeout_s=99)
    assert same.request_hash() == CALL.request_hash()
    for other in (
        replace(CALL, function_name="g"),
        replace(CALL, arguments={}),
        replace(CALL, account_id="x"),
        replace(CALL, project_id="x"),
        replace(CALL, thread_id="x"),
        replace(CALL, run_id="x"),
    ):
        assert other.request_hash() != CALL.request_hash()
