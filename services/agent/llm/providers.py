"""Whose models can be named: which wire each provider speaks, and what must be set to reach it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Provider:
    """`variable` makes it available; `base` is where its OpenAI-compatible wire is, None where it has none of ours."""

    variable: str
    base: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How a provider is reached. `options` are litellm's own further arguments, as a region."""

    api_key: str | None = field(default=None, repr=False)
    api_base: str | None = None
    options: Mapping[str, str] = field(default_factory=dict, repr=False)


PROVIDERS: Mapping[str, Provider] = MappingProxyType(
    {
        "openai": Provider("OPENAI_API_KEY", "https://api.openai.com/v1"),
        "anthropic": Provider("ANTHROPIC_API_KEY"),
        "openrouter": Provider("OPENROUTER_API_KEY", "https://openrouter.ai/api/v1"),
        "gemini": Provider("GEMINI_API_KEY"),
        "bedrock": Provider("AWS_BEARER_TOKEN_BEDROCK or AWS_ACCESS_KEY_ID"),
        "groq": Provider("GROQ_API_KEY", "https://api.groq.com/openai/v1"),
        "mistral": Provider("MISTRAL_API_KEY"),
        "deepseek": Provider("DEEPSEEK_API_KEY"),
        "xai": Provider("XAI_API_KEY"),
    }
)
"""The providers that have settings of their own; MESH_LITELLM_PROVIDERS adds any other that litellm knows."""


def is_own_server(openai: Access) -> bool:
    """Whether what speaks OpenAI's wire is not OpenAI: it may need no key, and has models of its own."""
    return bool(openai.api_base) and (openai.api_base or "").rstrip("/") != PROVIDERS["openai"].base
