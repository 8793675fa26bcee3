"""What litellm makes of our requests for each provider, and of their answers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import orjson
import pytest

from services.agent.llm.errors import ErrorType
from services.agent.llm.litellm_library import load
from services.agent.llm.port import ModelRequest, Usage
from services.agent.llm.via_litellm import LiteLlm
from tests.contract.llm.asking import Heard, ask, request
from tests.contract.llm.canned import bedrock, gemini, part
from tests.fakes.anthropic.protocol import AnthropicProtocol
from tests.fakes.llm.server import FakeLlm, serving

FLASH, HAIKU = "gemini-2.5-flash", "us.anthropic.claude-haiku-4-5-20251001-v1:0"
TOOL = {"type": "function", "function": {"name": "a", "parameters": {"type": "object", "properties": {}}}}
SYSTEM = {"role": "system", "content": "Be good."}


@pytest.fixture(autouse=True)
async def _loaded() -> None:
    await load()


class Provider:
    """Answers every request alike, and keeps what was asked."""

    def __init__(self, answer: Callable[[], httpx.Response]) -> None:
        self._answer = answer
        self.asked: list[httpx.Request] = []

    def __call__(self, asked: httpx.Request) -> httpx.Response:
        self.asked.append(asked)
        return self._answer()

    @property
    def body(self) -> dict[str, Any]:
        """The last request's."""
        body: dict[str, Any] = orjson.loads(self.asked[-1].content)
        return body


async def _ask(provider: Provider, name: str, wanted: ModelRequest, **access: Any) -> Heard:
    return await ask(LiteLlm(name, transport=httpx.MockTransport(provider), **access), wanted)


def _failing(status: int, **body: Any) -> Provider:
    return Provider(lambda: httpx.Response(status, json=body))


@asynccontextmanager
async def _anthropic() -> AsyncIterator[tuple[FakeLlm, LiteLlm]]:
    async with serving(FakeLlm(protocol=AnthropicProtocol())) as fake:
        adapter = LiteLlm("anthropic", "key", fake.url.removesuffix("/v1"))
        yield fake, adapter
        await adapter.aclose()


async def _body(fake: FakeLlm, adapter: LiteLlm, wanted: ModelRequest) -> dict[str, Any]:
    heard = await ask(adapter, wanted)
    assert heard.error is None
    body: dict[str, Any] = orjson.loads(fake.log.request(fake.log.calls()[-1]["call"]) or b"")
    return body


async def test_gemini_is_asked_with_its_key_and_heard_to_its_end() -> None:
    usage = {"promptTokenCount": 100, "candidatesTokenCount": 7, "thoughtsTokenCount": 3, "cachedContentTokenCount": 40}
    provider = Provider(
        lambda: gemini(
            part({"text": "hm", "thought": True}, promptTokenCount=100),
            part({"text": "Hello"}),
            part({"functionCall": {"name": "a", "args": {"x": 1}}}, "STOP", **usage),
        )
    )

    heard = await _ask(
        provider, "gemini", request("hi", FLASH, tools=[TOOL], max_tokens=50, request_id="r:1"), api_key="g"
    )

    asked = provider.asked[0]
    assert asked.url.path.endswith(f"/models/{FLASH}:streamGenerateContent")
    assert (asked.headers["x-goog-api-key"], asked.headers["idempotency-key"]) == ("g", "r:1")
    assert provider.body["generationConfig"] == {"temperature": 0.0, "max_output_tokens": 50}
    assert (heard.reasoning, heard.text, heard.reason) == ("hm", "Hello", "tool_calls")
    assert [(name, orjson.loads(arguments)) for _, name, arguments in heard.calls] == [("a", {"x": 1})]
    assert heard.usage == Usage(100, 10, 40, 0)


async def test_gemini_that_breaks_off_is_no_success() -> None:
    provider = Provider(lambda: gemini(part({"text": "Hel"}, promptTokenCount=5)))

    heard = await _ask(provider, "gemini", request("hi", FLASH), api_key="g")

    assert heard.text == "Hel"
    assert heard.error is not None
    assert heard.error.retryable


@pytest.mark.parametrize(
    ("access", "authorization"),
    [
        ({"api_key": "bearer"}, "Bearer bearer"),
        ({"options": {"aws_access_key_id": "AKIA", "aws_secret_access_key": "s"}}, "AWS4-HMAC-SHA256 Credential=AKIA"),
    ],
    ids=["token", "signature"],
)
async def test_bedrock_is_asked_in_its_region_and_heard_to_its_end(access: dict[str, Any], authorization: str) -> None:
    counted = {"inputTokens": 60, "outputTokens": 7, "totalTokens": 67}
    counted |= {"cacheReadInputTokens": 30, "cacheWriteInputTokens": 10}
    provider = Provider(
        lambda: bedrock(
            ("messageStart", {"role": "assistant"}),
            ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "Hello"}}),
            ("contentBlockStart", {"contentBlockIndex": 1, "start": {"toolUse": {"toolUseId": "t1", "name": "a"}}}),
            ("contentBlockDelta", {"contentBlockIndex": 1, "delta": {"toolUse": {"input": '{"x": 1}'}}}),
            ("contentBlockStop", {"contentBlockIndex": 1}),
            ("messageStop", {"stopReason": "tool_use"}),
            ("metadata", {"usage": counted, "metrics": {"latencyMs": 1}}),
        )
    )
    access["options"] = access.get("options", {}) | {"aws_region_name": "eu-west-1"}

    heard = await _ask(provider, "bedrock", request("hi", HAIKU, tools=[TOOL]), **access)

    assert provider.asked[0].url.host == "bedrock-runtime.eu-west-1.amazonaws.com"
    assert provider.asked[0].headers["authorization"].startswith(authorization)
    assert provider.body["messages"][0]["content"] == [{"text": "hi"}, {"cachePoint": {"type": "default"}}]
    assert (heard.text, heard.calls, heard.reason) == ("Hello", [("t1", "a", '{"x": 1}')], "tool_calls")
    assert heard.usage == Usage(100, 7, 30, 10)


async def test_bedrock_that_throttles_inside_the_stream_is_a_rate_limit() -> None:
    said = ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "Hel"}})
    provider = Provider(lambda: bedrock(said, ("throttlingException", {"message": "Too many requests"})))

    heard = await _ask(provider, "bedrock", request("hi", HAIKU), api_key="b")

    assert heard.text == "Hel"
    assert heard.error is not None
    assert heard.error.error_type == ErrorType.RATE_LIMIT


@pytest.mark.parametrize(
    ("provider", "name", "model", "kind"),
    [
        (_failing(429, error={"code": 429, "message": "Quota exceeded"}), "gemini", FLASH, ErrorType.RATE_LIMIT),
        (
            _failing(400, error={"code": 400, "message": "API key not valid. Please pass a valid API key."}),
            "gemini", FLASH, ErrorType.AUTHENTICATION,
        ),
        (
            _failing(400, error={"message": "The input token count (9) exceeds the maximum number of tokens allowed"}),
            "gemini", FLASH, ErrorType.CONTEXT_WINDOW_EXCEEDED,
        ),
        (
            _failing(400, message="Input is too long for requested model."),
            "bedrock", HAIKU, ErrorType.CONTEXT_WINDOW_EXCEEDED,
        ),
        (_failing(403, message="The security token is invalid"), "bedrock", HAIKU, ErrorType.AUTHENTICATION),
        (_failing(503, message="Busy"), "bedrock", HAIKU, ErrorType.SERVICE_UNAVAILABLE),
        (_failing(500), "nobody", "x", ErrorType.INVALID_REQUEST),
    ],
)  # fmt: skip
async def test_refusal_has_its_class(provider: Provider, name: str, model: str, kind: ErrorType) -> None:
    heard = await _ask(provider, name, request("hi", model), api_key="k")

    assert heard.error is not None
    assert heard.error.error_type == kind
    assert len(provider.asked) <= 1


async def test_anthropic_caches_after_the_system_prompt_the_step_before_and_this_one() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "a", "arguments": "{}"}}
    messages: list[dict[str, Any]] = [
        SYSTEM,
        {"role": "user", "content": "[[call a]] [[step]] [[say done]]"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "ok"},
    ]
    async with _anthropic() as (fake, adapter):
        body = await _body(fake, adapter, ModelRequest(model="claude-x", messages=messages, tools=[TOOL]))

    point = {"type": "ephemeral"}
    assert body["system"] == [{"type": "text", "text": "Be good.", "cache_control": point}]
    marked = [[block.get("cache_control") for block in message["content"]] for message in body["messages"]]
    assert marked == [[point], [None], [point]]
    assert messages[0] == SYSTEM  # what was given is not changed


async def test_reasoning_is_asked_for_at_the_beginning_of_a_turn_only() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "a", "arguments": "{}"}}
    begun: list[dict[str, Any]] = [SYSTEM, {"role": "user", "content": "[[call a]] [[step]] [[say done]]"}]
    going_on = [
        *begun,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "ok"},
    ]
    async with _anthropic() as (fake, adapter):
        first, second = [
            await _body(
                fake,
                adapter,
                ModelRequest(model="claude-sonnet-4-5", messages=messages, tools=[TOOL], reasoning_effort="low"),
            )
            for messages in (begun, going_on)
        ]

    assert first["thinking"]["type"] == "enabled"
    assert first.get("temperature") in (None, 1, 1.0)
    assert "thinking" not in second
    assert second["temperature"] == 0.0


async def test_anthropic_is_asked_once_where_it_breaks_off() -> None:
    async with _anthropic() as (fake, adapter):
        heard = await ask(adapter, request("[[cut]]", request_id="run:1"))

        assert heard.error is not None
        assert [(call["request_id"], call["attempt"]) for call in fake.log.calls()] == [("run:1", 1)]
