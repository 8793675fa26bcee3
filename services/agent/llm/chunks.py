"""litellm's chunks as OpenAI's: by attribute, because to dump their models would cost more than all the rest.

A chunk is one of three: litellm's or the `openai` package's model of OpenAI's chunk, or a dict of litellm's own with
`text`, `tool_use` and `finish_reason`.
"""

from __future__ import annotations

from typing import Any

_USAGE = ("prompt_tokens", "completion_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
_NOTHING: dict[str, Any] = {}


def as_openai(chunk: Any) -> dict[str, Any]:
    """The chunk in OpenAI's shape, empty where it says nothing. Raises TypeError where it is no chunk."""
    if chunk is None:
        return _NOTHING
    if isinstance(chunk, dict):
        return _of_dict(chunk)
    if not hasattr(chunk, "choices"):
        raise TypeError(f"{type(chunk).__name__} is no chunk")
    shaped: dict[str, Any] = {"choices": [_choice(choice) for choice in chunk.choices]}
    if (usage := getattr(chunk, "usage", None)) is not None:
        shaped["usage"] = _usage(usage)
    return shaped


def _of_dict(chunk: dict[str, Any]) -> dict[str, Any]:
    text, call, reason, usage = (chunk.get(key) for key in ("text", "tool_use", "finish_reason", "usage"))
    if not (text or call or reason or usage):
        return _NOTHING
    delta = {"content": text, "tool_calls": [call] if call else None}
    shaped: dict[str, Any] = {"choices": [{"delta": delta, "finish_reason": reason}]}
    return shaped | ({"usage": dict(usage)} if usage else {})


def _choice(choice: Any) -> dict[str, Any]:
    delta = choice.delta
    calls = getattr(delta, "tool_calls", None)
    return {
        "index": choice.index,
        "delta": {
            "content": delta.content,
            "reasoning_content": getattr(delta, "reasoning_content", None) or getattr(delta, "reasoning", None),
            "tool_calls": [_call(call) for call in calls] if calls else None,
        },
        "finish_reason": choice.finish_reason,
    }


def _call(call: Any) -> dict[str, Any]:
    function = call.function
    return {"index": call.index, "id": call.id, "function": {"name": function.name, "arguments": function.arguments}}


def _usage(usage: Any) -> dict[str, Any]:
    shaped: dict[str, Any] = {key: getattr(usage, key, None) for key in _USAGE}
    details = getattr(usage, "prompt_tokens_details", None)
    if details is not None:
        keys = ("cached_tokens", "cache_write_tokens")
        shaped["prompt_tokens_details"] = {key: getattr(details, key, None) for key in keys}
    return shaped
