"""The request is OpenAI's, less what the server refused by name."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from services.agent.llm.errors import ErrorType, ModelError
from services.agent.llm.payload import encode, refused_parameter
from services.agent.llm.port import ModelRequest

TOOL = {"type": "function", "function": {"name": "f", "parameters": {}}}
MESSAGES = [{"role": "user", "content": "hi"}]


def _body(*rejected: str, **fields: Any) -> dict[str, Any]:
    return orjson.loads(encode(ModelRequest(model="m", messages=MESSAGES, **fields), frozenset(rejected)))  # type: ignore[no-any-return]


def _refusal(message: str, param: str | None = None, code: str | None = None) -> bytes:
    return orjson.dumps({"error": {"message": message, "param": param, "code": code}})


def test_plain_request_streams_at_temperature_0_and_asks_for_usage() -> None:
    assert _body() == {
        "model": "m",
        "messages": MESSAGES,
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 0.0,
    }


def test_tools_come_with_their_choice() -> None:
    body = _body(tools=(TOOL,), max_tokens=9)

    assert (body["tools"], body["tool_choice"], body["max_tokens"]) == ([TOOL], "auto", 9)


def test_what_was_refused_is_left_out_or_renamed() -> None:
    body = _body("stream_options", "temperature", "max_tokens", max_tokens=9)

    assert set(body) == {"model", "messages", "stream", "max_completion_tokens"}


@pytest.mark.parametrize("content", [object(), "lone \ud800 surrogate"])
def test_request_without_a_json_form_is_invalid(content: object) -> None:
    with pytest.raises(ModelError) as refusal:
        encode(ModelRequest(model="m", messages=[{"role": "user", "content": content}]), frozenset())

    assert refusal.value.error_type == ErrorType.INVALID_REQUEST


@pytest.mark.parametrize(
    ("status", "body", "name"),
    [
        (400, _refusal("Unrecognized request argument supplied: stream_options"), "stream_options"),
        (422, _refusal("extra fields not permitted: stream_options"), "stream_options"),
        (400, b'{"detail":[{"loc":["body","stream_options"],"msg":"extra"}]}', "stream_options"),
        (400, _refusal("Unsupported value: 'temperature' does not support 0", "temperature"), "temperature"),
        (400, _refusal("Unsupported parameter: 'max_tokens' is not supported with this model."), "max_tokens"),
        (400, _refusal("max_tokens is too large: 100000"), None),
        (400, _refusal("temperature must be between 0 and 2", "temperature"), None),
        (400, _refusal("maximum context length is 8192"), None),
        (500, _refusal("stream_options is unknown"), None),
        (400, b"", None),
    ],
)
def test_refused_parameter_is_found(status: int, body: bytes, name: str | None) -> None:
    assert refused_parameter(status, body) == name
