"""The prices that billing starts with, in dollars for a million tokens, before the margin.

Most stand in the table beside this file, as litellm lists them. `openai/*` and `openrouter/*` are defaults: a model of
these families without a price of its own is billed by them. Their figures, like those of `mock-ai`, are our decision; a
model that has neither is refused, unless the operator names its price.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from importlib import resources

from services.billing.domain.prices import Rates


def _table() -> dict[str, Rates]:
    text = resources.files("services.billing.domain").joinpath("model_prices.csv").read_text()
    return {name: Rates.in_dollars(*figures) for name, *figures in csv.reader(text.splitlines())}


_HAIKU = Rates.in_dollars("1.00", "5.00", "0.10", "1.25")
_MINIMAX = Rates.in_dollars("0.30", "1.20", "0.03", "0.375")

LIST_PRICES: Mapping[str, Rates] = _table() | {
    "kortix/basic": _HAIKU,
    "kortix/power": _HAIKU,
    "kortix/haiku": _HAIKU,
    "kortix/minimax": _MINIMAX,
    "grok-4.1-fast": Rates.in_dollars("0.20", "0.50", "0.05"),
    "gpt-4o-mini": Rates.in_dollars("0.15", "0.60", "0.075"),
    "mimo-v2-flash": Rates.in_dollars("0.10", "0.30", "0.02"),
    "kimi-k2": Rates.in_dollars("0.40", "1.75", "0.15"),
    "kimi-k2.5": Rates.in_dollars("0.60", "3.00", "0.10"),
    "haiku-3.5": Rates.in_dollars("0.80", "4.00", "0.08"),
    "deepseek-v3": Rates.in_dollars("0.14", "0.28", "0.014"),
    "openai/*": Rates.in_dollars("1.00", "4.00", "0.25"),
    "openrouter/*": Rates.in_dollars("1.00", "4.00", "0.25"),
}

MOCK_PRICE: Mapping[str, Rates] = {"mock-ai": Rates.in_dollars("0.50", "1.50", "0.05")}
"""Offered only where the mode is not production."""
