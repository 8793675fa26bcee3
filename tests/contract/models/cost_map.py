"""`python -m tests.contract.models.cost_map`: writes the tables of models anew, from the list that litellm ships.

The list is a file of the package, read without importing it. Billing gets what each model costs, the agent how long
its context is and what it can do; both tables are committed, and change when the locked litellm does.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tests.support.mesh import CHECKOUT

PRICES = CHECKOUT / "services/billing/domain/model_prices.csv"
MODELS = CHECKOUT / "services/agent/llm/models.csv"

# litellm's name for a provider -> ours.
_PROVIDERS = {
    "anthropic": "anthropic", "azure": "azure", "bedrock": "bedrock", "bedrock_converse": "bedrock",
    "cohere_chat": "cohere", "deepseek": "deepseek", "gemini": "gemini", "groq": "groq", "mistral": "mistral",
    "openai": "openai", "xai": "xai", "vertex_ai-anthropic_models": "vertex_ai",
    "vertex_ai-language-models": "vertex_ai",
}  # fmt: skip
_COSTS = (
    "input_cost_per_token", "output_cost_per_token", "cache_read_input_token_cost", "cache_creation_input_token_cost",
)  # fmt: skip
_ABILITIES = {
    "supports_function_calling": "function_calling",
    "supports_vision": "vision",
    "supports_reasoning": "thinking",
    "supports_prompt_caching": "prompt_caching",
}
_LONGEST_NAME = 90


def tables() -> dict[Path, str]:
    """What each table should hold."""
    models = dict(sorted(_models().items()))
    return {PRICES: _csv(map(_price, models, models.values())), MODELS: _csv(map(_abilities, models, models.values()))}


def _models() -> dict[str, Mapping[str, Any]]:
    found = find_spec("litellm")
    assert found is not None
    assert found.origin is not None
    listed = json.loads((Path(found.origin).parent / "model_prices_and_context_window_backup.json").read_text())
    models: dict[str, Mapping[str, Any]] = {}
    for key, facts in listed.items():
        provider = _PROVIDERS.get(facts.get("litellm_provider", ""))
        if provider is None or facts.get("mode") != "chat" or not _is_priced(facts) or key.startswith("ft:"):
            continue
        whole = key.startswith(f"{provider}/")
        name = key if whole else f"{provider}/{key}"
        if len(name) <= _LONGEST_NAME and (whole or name not in models):
            models[name] = facts
    return models


def _is_priced(facts: Mapping[str, Any]) -> bool:
    """Whether every figure that it has is one: a price of nothing is none."""
    return all(facts.get(cost) for cost in _COSTS[:2]) and all(facts[cost] > 0 for cost in _COSTS if facts.get(cost))


def _price(name: str, facts: Mapping[str, Any]) -> list[str]:
    return [name, *(_dollars(facts.get(cost)) for cost in _COSTS)]


def _dollars(cost: float | None) -> str:
    """Dollars for a million tokens, to the micro-credit; empty where the list has none."""
    if not cost:
        return ""
    return f"{(Decimal(str(cost)) * 1_000_000).quantize(Decimal('1e-8')).normalize():f}"


def _abilities(name: str, facts: Mapping[str, Any]) -> list[str]:
    window = facts.get("max_input_tokens") or facts.get("max_tokens") or ""
    return [name, str(window), " ".join(["chat", *(word for key, word in _ABILITIES.items() if facts.get(key))])]


def _csv(rows: Iterable[list[str]]) -> str:
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows(rows)
    return written.getvalue()


if __name__ == "__main__":
    for path, text in tables().items():
        path.write_text(text)
