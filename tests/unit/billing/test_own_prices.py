"""The operator names a price that the list does not have."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from services.billing.app import own_prices
from services.billing.config import Settings
from services.billing.domain.prices import Rates


def _settings(prices: Any) -> Settings:
    told: dict[str, Any] = {"database_url": "postgresql://h/d", "_env_file": None, "mesh_model_prices": prices}
    return Settings(**told)


def test_price_is_dollars_for_a_million_tokens_and_caching_costs_what_input_does() -> None:
    prices = own_prices(_settings({"a/b": [1, "5.5", 0.1, 1.25], "c/d": [0.00000001, 2]}))

    assert prices == {
        "a/b": Rates(100_000_000, 550_000_000, 10_000_000, 125_000_000),
        "c/d": Rates(1, 200_000_000, 1, 1),
    }


@pytest.mark.parametrize("figures", [[], [1], [1, 0], [1, -1], [1, 2, 3, 4, 5], ["x", 1], [1e-9, 1]])
def test_price_that_is_none_does_not_start(figures: list[Any]) -> None:
    with pytest.raises(ValidationError):
        _settings({"a/b": figures})
