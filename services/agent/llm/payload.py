"""The request as JSON, less what the server was found to reject.

Parameters that one server demands another refuses: `stream_options` is unknown to old ones, and OpenAI's reasoning
models refuse `temperature` and want `max_tokens` under another name. What a server refuses by name is left out (or
renamed) from then on; such a refusal comes before any work, so that asking again pays for nothing twice.
"""

from __future__ import annotations

import re
from typing import Any

import orjson

from services.agent.llm.classify import read_body
from services.agent.llm.errors import ErrorType, ModelError
from services.agent.llm.port import ModelRequest

STREAM_OPTIONS = "stream_options"
_OPTIONAL = (STREAM_OPTIONS, "temperature", "max_tokens", "reasoning_effort")
_REFUSAL = re.compile(r"(?i)unsupported|not supported|does not support|not permitted|unrecognized|unknown|unexpected")
_USAGE_WANTED = {"include_usage": True}


def encode(request: ModelRequest, rejected: frozenset[str]) -> bytes:
    """The body of the request. Raises ModelError where something in it has no JSON."""
    body: dict[str, Any] = {"model": request.model, "messages": request.messages, "stream": True}
    if STREAM_OPTIONS not in rejected:
        body[STREAM_OPTIONS] = _USAGE_WANTED
    if request.temperature is not None and "temperature" not in rejected:
        body["temperature"] = request.temperature
    if request.max_tokens is not None:
        body["max_completion_tokens" if "max_tokens" in rejected else "max_tokens"] = request.max_tokens
    if request.reasoning_effort and "reasoning_effort" not in rejected:
        body["reasoning_effort"] = request.reasoning_effort
    if request.tools:
        body["tools"] = request.tools
        body["tool_choice"] = request.tool_choice
    try:
        return orjson.dumps(body)
    except orjson.JSONEncodeError as error:
        raise ModelError(ErrorType.INVALID_REQUEST, f"The request has no JSON form: {error}") from error


def refused_parameter(status: int, body: bytes) -> str | None:
    """The optional parameter that a 400 or 422 refuses, if that is what it says."""
    if status not in (400, 422):
        return None
    said = read_body(body)
    for name in _OPTIONAL:
        if said.parameter.split(".")[0] == name or re.search(rf"\b{name}\b", said.text):
            return name if name == STREAM_OPTIONS or _REFUSAL.search(said.text + said.code) else None
    return None
