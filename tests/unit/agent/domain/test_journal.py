"""How a journal folds: what is done is reused, and the one thing to do next is told by what is open."""

from __future__ import annotations

from itertools import permutations

import pytest

from services.agent.domain.journal import (
    AskModel,
    CloseAnswer,
    CompletedStep,
    Journal,
    ResumePoint,
    SettleCalls,
    after,
    fold,
)
from services.agent.domain.run import Ending
from tests.unit.agent.records import call, started, step


def test_a_run_without_a_journal_starts_at_its_first_step() -> None:
    assert fold(Journal(), 25) == ResumePoint((), AskModel(1))


def test_done_steps_are_reused_and_the_next_one_is_asked() -> None:
    steps = (step(1, finish_reason="tool_calls"), step(2, finish_reason="tool_calls"))
    calls = (call(1), call(2))
    point = fold(Journal(steps, calls), 25)
    assert point.completed == (CompletedStep(steps[0], (calls[0],)), CompletedStep(steps[1], (calls[1],)))
    assert point.move == AskModel(3)


def test_a_step_without_result_and_without_calls_is_asked_again() -> None:
    open_step = started(2)
    done, settled = step(1, finish_reason="tool_calls"), call(1)
    point = fold(Journal((done, open_step), (settled,)), 25)
    assert point == ResumePoint((CompletedStep(done, (settled,)),), AskModel(2, again=open_step))


@pytest.mark.parametrize("state", ["started", "planned"])
def test_a_step_without_result_whose_tools_began_is_closed_and_not_asked_again(state: str) -> None:
    open_step, begun = started(1), call(1, state=state)
    assert fold(Journal((open_step,), (begun,)), 25) == ResumePoint((), CloseAnswer(open_step, (begun,)))


@pytest.mark.parametrize("state", ["started", "planned"])
def test_an_answer_that_is_done_settles_all_its_calls_while_one_is_not(state: str) -> None:
    answer = step(1, finish_reason="tool_calls")
    calls = (call(1, 0), call(1, 1, state=state))
    assert fold(Journal((answer,), calls), 25) == ResumePoint((), SettleCalls(answer, calls))


def test_a_call_that_stayed_in_a_stopped_answer_is_settled() -> None:
    """What had no outcome when the answer was cut left the journal with it: the rest is in the message."""
    answer, stayed = step(1, finish_reason="stopped"), call(1, state="started")
    assert fold(Journal((answer,), (stayed,)), 25) == ResumePoint((), SettleCalls(answer, (stayed,)))


def test_the_order_of_rows_does_not_matter() -> None:
    steps = (step(1, finish_reason="tool_calls"), step(2, finish_reason="tool_calls"), started(3))
    calls = (call(1, 0), call(1, 1), call(2, 0))
    folds = [fold(Journal(s, c), 25) for s in permutations(steps) for c in permutations(calls)]
    assert folds == [folds[0]] * 36
    assert [len(done.calls) for done in folds[0].completed] == [2, 1]


def test_a_run_that_said_all_ends_completed() -> None:
    move = fold(Journal((step(1),)), 25).move
    assert isinstance(move, Ending)
    assert (move.status, move.reason) == ("completed", "stop")


def test_an_answer_cut_for_its_length_is_continued() -> None:
    assert after(CompletedStep(step(1, finish_reason="length"), ()), 25) == AskModel(2)


@pytest.mark.parametrize("reason", ["stop", "tool_calls", "length", "content_filter"])
def test_a_step_with_results_is_continued_whatever_the_model_gave_as_its_reason(reason: str) -> None:
    assert after(CompletedStep(step(1, finish_reason=reason), (call(),)), 25) == AskModel(2)


def test_a_terminating_tool_ends_the_run() -> None:
    done = CompletedStep(step(1, finish_reason="tool_calls"), (call(1, 0), call(1, 1, terminating=True)))
    ending = after(done, 25)
    assert isinstance(ending, Ending)
    assert (ending.status, ending.reason) == ("completed", "terminating_tool")


def test_a_terminating_tool_that_failed_does_not_end_the_run() -> None:
    done = CompletedStep(step(1, finish_reason="tool_calls"), (call(terminating=True, success=False),))
    assert after(done, 25) == AskModel(2)


def test_a_run_ends_at_its_limit_of_steps() -> None:
    ending = after(CompletedStep(step(3, finish_reason="tool_calls"), (call(3),)), 3)
    assert isinstance(ending, Ending)
    assert (ending.status, ending.reason) == ("completed", "max_steps")


def test_a_stopped_answer_ends_the_run_as_stopped() -> None:
    ending = after(CompletedStep(step(1, finish_reason="stopped"), ()), 25)
    assert isinstance(ending, Ending)
    assert (ending.status, ending.reason) == ("stopped", "user")
