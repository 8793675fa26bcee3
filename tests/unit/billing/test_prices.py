"""What a step costs."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from services.billing.domain.ledger import Charge, PricedCharge
from services.billing.domain.money import MICRO, credits_of, divide_half_up
from services.billing.domain.price_list import LIST_PRICES, MOCK_PRICE
from services.billing.domain.prices import Price, Rates, TokenUsage, names_for

TOKENS = st.integers(0, 10_000_000)


def test_a_dollar_is_a_hundred_credits() -> None:
    assert Rates.in_dollars("1", "2.5", "0.014") == Rates(100 * MICRO, 250 * MICRO, 1_400_000, 100 * MICRO)


def test_list_prices_are_billed_a_fifth_above() -> None:
    haiku = LIST_PRICES["kortix/haiku"].with_margin(120)
    assert haiku == Rates(120 * MICRO, 600 * MICRO, 12 * MICRO, 150 * MICRO)
    assert LIST_PRICES["deepseek-v3"].with_margin(120).cached_input == 1_680_000


def test_no_listed_price_is_zero_or_below() -> None:
    for rates in (*LIST_PRICES.values(), *MOCK_PRICE.values()):
        assert min(rates.input, rates.output, rates.cached_input, rates.cache_write) > 0


def test_half_a_microcredit_is_rounded_up_and_less_is_dropped() -> None:
    rates = Rates(500_000, 499_999, 1, 1)
    assert rates.cost(TokenUsage(prompt=1)) == 1
    assert rates.cost(TokenUsage(completion=1)) == 0
    assert rates.cost(TokenUsage(prompt=1, completion=1)) == 1


@given(TOKENS, TOKENS, TOKENS, TOKENS)
def test_a_step_is_within_half_a_microcredit_of_its_exact_price(prompt: int, out: int, read: int, written: int) -> None:
    rates = LIST_PRICES["kortix/haiku"].with_margin(120)
    usage = TokenUsage(prompt + read + written, out, read, written)
    parts = zip((prompt, out, read, written), (120, 600, 12, 150), strict=True)
    exact = Fraction(sum(tokens * rate for tokens, rate in parts))
    assert abs(rates.cost(usage) - exact) <= Fraction(1, 2)


@given(st.integers(0, 10**15), st.integers(1, 10**6))
def test_half_up_division_agrees_with_fractions(numerator: int, denominator: int) -> None:
    quotient = divide_half_up(numerator, denominator)
    assert Fraction(-1, 2) < quotient - Fraction(numerator, denominator) <= Fraction(1, 2)


def test_cached_tokens_are_a_part_of_the_prompt_and_cost_less() -> None:
    rates = Rates(100 * MICRO, 1, 10 * MICRO, 200 * MICRO)
    assert rates.cost(TokenUsage(prompt=1000, cached_read=600, cache_write=100)) == 30_000 + 6_000 + 20_000


def test_more_cached_than_sent_never_makes_a_step_cheaper_than_its_cache() -> None:
    rates = Rates(100 * MICRO, 1, 10 * MICRO, 200 * MICRO)
    assert rates.cost(TokenUsage(prompt=10, cached_read=1000)) == 10_000


def test_a_wasted_call_is_booked_at_cost() -> None:
    listed = LIST_PRICES["gpt-4o-mini"]
    price = Price("gpt-4o-mini@1", "gpt-4o-mini", listed, listed.with_margin(120))
    usage = TokenUsage(prompt=100_000)
    charge = Charge("post:r:0", 0, price.version, price.model, usage)
    wasted = Charge("post:r:0:lost", 0, price.version, price.model, usage, wasted=True)
    assert (PricedCharge.of(charge, price).amount, PricedCharge.of(charge, price).cost) == (1_800_000, 1_500_000)
    assert PricedCharge.of(wasted, price).amount == PricedCharge.of(wasted, price).cost == 1_500_000


def test_a_models_own_name_is_looked_up_before_its_familys() -> None:
    assert names_for("openai/gpt-x/2") == ["openai/gpt-x/2", "openai/*"]
    assert names_for("mock-ai") == ["mock-ai"]


def test_microcredits_are_shown_in_credits() -> None:
    assert credits_of(1_500_000) == 1.5
