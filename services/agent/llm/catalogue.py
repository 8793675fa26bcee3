"""What is known of models: a name to show, the length of the context, abilities.

The table beside this file has the models of litellm's list; `LISTED` are those that are offered, in order of rank. Any
other can be named all the same.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Final

MOCK: Final = "mock-ai"
UNKNOWN_CONTEXT_WINDOW: Final = 128_000
_CHAT = ("chat", "function_calling")
_CACHING = (*_CHAT, "vision", "prompt_caching")


@dataclass(frozen=True, slots=True)
class Entry:
    """A model; `context_window` in tokens."""

    name: str
    context_window: int
    capabilities: tuple[str, ...]


LISTED: Mapping[str, str] = MappingProxyType(
    {
        "openai/gpt-4o-mini": "GPT-4o mini",
        "openai/gpt-4o": "GPT-4o",
        "anthropic/claude-haiku-4-5": "Claude Haiku 4.5",
        "anthropic/claude-sonnet-4-5": "Claude Sonnet 4.5",
        "anthropic/claude-opus-4-5": "Claude Opus 4.5",
        "openrouter/anthropic/claude-haiku-4.5": "Claude Haiku 4.5",
        "openrouter/openai/gpt-4o-mini": "GPT-4o mini",
        "gemini/gemini-2.5-flash": "Gemini 2.5 Flash",
        "gemini/gemini-2.5-pro": "Gemini 2.5 Pro",
        "bedrock/us.anthropic.claude-haiku-4-5-20251001-v1:0": "Claude Haiku 4.5",
        "groq/openai/gpt-oss-120b": "GPT-OSS 120B",
        "mistral/mistral-large-latest": "Mistral Large",
        "deepseek/deepseek-chat": "DeepSeek Chat",
        "xai/grok-4.3": "Grok 4.3",
        MOCK: "Mock AI",
    }
)

# What litellm's list does not have.
_ALSO = MappingProxyType(
    {
        "openrouter/anthropic/claude-haiku-4.5": (200_000, (*_CHAT, "vision", "thinking", "prompt_caching")),
        "openrouter/openai/gpt-4o-mini": (128_000, _CACHING),
        MOCK: (1_000_000, (*_CHAT, "thinking")),
    }
)


def entry(name: str) -> Entry:
    """What is known of a model, by its whole name; of an unknown one what is likely."""
    window, capabilities = _table().get(name, (UNKNOWN_CONTEXT_WINDOW, _CHAT))
    return Entry(LISTED.get(name) or name.partition("/")[2] or name, window, capabilities)


@cache
def _table() -> Mapping[str, tuple[int, tuple[str, ...]]]:
    text = resources.files("services.agent.llm").joinpath("models.csv").read_text()
    rows = csv.reader(text.splitlines())
    return {name: (int(window or UNKNOWN_CONTEXT_WINDOW), tuple(words.split())) for name, window, words in rows} | _ALSO
