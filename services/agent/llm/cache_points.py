"""Where a provider that must be told may cache the prompt, so that the next step reads it at a tenth of the price.

Anthropic's models cache up to a point that the request names, at most four of them, and each only where at least 1,024
tokens stand before it (less is no error). Three are named: after the system prompt, which runs share; where this
request ends, for the next step; and where the step before it ended, which is what that one wrote.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from services.agent.llm.port import ModelRequest

_POINT = {"cache_control": {"type": "ephemeral"}}


def with_cache_points(provider: str, request: ModelRequest) -> list[dict[str, Any]]:
    """The messages, copied down to the last list (litellm changes what it is given), with points where they count."""
    messages: list[dict[str, Any]] = copied(request.messages)
    if wants_cache_points(provider, request.model):
        for position in _positions(messages):
            _mark(messages[position])
    return messages


def wants_cache_points(provider: str, model: str) -> bool:
    """Whether the model caches where it is told to."""
    return provider == "anthropic" or "claude" in model


def copied(value: Any) -> Any:
    """A copy that shares nothing which can change."""
    if isinstance(value, Mapping):
        return {key: copied(inner) for key, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [copied(inner) for inner in value]
    return value


def _positions(messages: Sequence[Mapping[str, Any]]) -> set[int]:
    roles = [message.get("role") for message in messages]
    systems = [position for position, role in enumerate(roles) if role == "system"]
    answers = [position for position, role in enumerate(roles) if role == "assistant"]
    return {*systems[-1:], *(position - 1 for position in answers[-1:] if position), len(messages) - 1}


def _mark(message: dict[str, Any]) -> None:
    content = message.get("content")
    if isinstance(content, list) and content and message.get("role") != "tool":
        content[-1] |= _POINT
    elif content:
        message |= _POINT
