"""What a run costs at most, and REST's words for its states."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.agent.domain.run import Price, rest_status
from tests.unit.agent.records import PRICE

TOKENS = st.integers(0, 10**7)
RATES = st.integers(0, 10**8)


@pytest.mark.parametrize(
    ("rate", "tokens", "cost"), [(1, 1, 1), (10**6, 1, 1), (10**6 + 1, 1, 2), (999_999, 2, 2), (5, 0, 0)]
)
def test_a_cost_is_rounded_up_to_whole_micro_credits(rate: int, tokens: int, cost: int) -> None:
    assert Price("v1", rate, 0, 0, 0).cost(tokens, 0) == cost


def test_cached_tokens_are_part_of_the_prompt_and_have_rates_of_their_own() -> None:
    # 1000 prompt tokens: 600 read from the cache, 100 written to it, 300 fresh; and 50 of the answer.
    assert PRICE.cost(1000, 50, 600, 100) == 300 * 1 + 50 * 2 + 60 + 100 * 3


def test_more_cached_tokens_than_prompt_tokens_are_no_discount() -> None:
    assert PRICE.cost(10, 0, 20) == 2


@given(rates=st.tuples(RATES, RATES, RATES, RATES), tokens=st.tuples(TOKENS, TOKENS, TOKENS, TOKENS))
def test_the_cost_is_the_smallest_whole_number_that_is_enough(
    rates: tuple[int, int, int, int], tokens: tuple[int, int, int, int]
) -> None:
    prompt, completion, cached, written = tokens
    parts = (max(prompt - cached - written, 0), completion, cached, written)
    exact = sum(rate * part for rate, part in zip(rates, parts, strict=True))
    cost = Price("v1", *rates).cost(prompt, completion, cached, written)
    assert cost * 10**6 >= exact > (cost - 1) * 10**6


@pytest.mark.parametrize(
    ("status", "word"),
    [
        ("queued", "running"),
        ("running", "running"),
        ("waiting", "running"),
        ("completed", "completed"),
        ("stopped", "stopped"),
        ("failed", "failed"),
    ],
)
def test_what_has_not_ended_is_running(status: str, word: str) -> None:
    assert rest_status(status) == word
