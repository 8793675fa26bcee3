"""The committed tables of models are those of the locked litellm."""

from __future__ import annotations

import pytest

from services.agent.llm.catalogue import LISTED, entry
from services.billing.domain.price_list import LIST_PRICES
from services.billing.domain.prices import names_for
from tests.contract.models.cost_map import tables


@pytest.mark.parametrize(("path", "text"), tables().items(), ids=lambda value: getattr(value, "name", ""))
def test_table_is_the_one_that_litellm_has(path: object, text: str) -> None:
    assert path.read_text() == text, "write it anew: python -m tests.contract.models.cost_map"  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", [name for name in LISTED if name != "mock-ai"])
def test_every_listed_model_has_a_price_and_a_context(name: str) -> None:
    assert any(candidate in LIST_PRICES for candidate in names_for(name))
    assert entry(name).context_window >= 32_000


def test_price_of_a_model_is_its_own_and_never_nothing() -> None:
    haiku = LIST_PRICES["anthropic/claude-haiku-4-5"]
    assert (haiku.input, haiku.output) == (100_000_000, 500_000_000)
    assert (haiku.cached_input, haiku.cache_write) == (10_000_000, 125_000_000)
    assert all(
        min(rates.input, rates.output, rates.cached_input, rates.cache_write) > 0 for rates in LIST_PRICES.values()
    )
