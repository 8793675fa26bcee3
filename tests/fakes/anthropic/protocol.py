"""Anthropic's requests: what is refused of them, and what mock-ai reads in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import orjson

from services.agent.llm import script
from tests.fakes.anthropic.errors import refusal
from tests.fakes.anthropic.writer import AnthropicWriter
from tests.fakes.llm.dialects import Dialect
from tests.fakes.llm.protocol import Headers, Prompt, Refusal, Writer

_TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_MOST_CACHE_POINTS = 4


class AnthropicProtocol:
    """`POST /v1/messages`, streamed."""

    path = b"/v1/messages"

    def refusal(self, key: str | None, headers: Headers, request: dict[str, Any], dialect: Dialect) -> Refusal | None:
        """The first thing that Anthropic would refuse."""
        given = headers.get(b"x-api-key", b"").strip()
        if not given or (key is not None and given != key.lower().encode()):
            return refusal(401, "authentication_error", "invalid x-api-key")
        if b"anthropic-version" not in headers:
            return refusal(400, "invalid_request_error", "anthropic-version: header is required")
        problem = next(_problems(request), None)
        return refusal(400, "invalid_request_error", problem) if problem else None

    def prompt(self, request: dict[str, Any]) -> Prompt:
        """The request as OpenAI would have it: results of tools are messages of their own."""
        messages = [message for turn in request["messages"] for message in _messages(turn)]
        if request.get("system"):
            messages.insert(0, {"role": "system", "content": _text(request["system"])})
        return Prompt(messages, request.get("tools") or [], request["max_tokens"])

    def writer(self, request: dict[str, Any], dialect: Dialect, call: int, prompt: Prompt) -> Writer:
        """For one answer."""
        tokens = script.count_prompt(prompt.messages, prompt.tools)
        return AnthropicWriter(dialect, request["model"], call, tokens)


def _problems(request: dict[str, Any]) -> Iterator[str]:
    if not isinstance(request.get("max_tokens"), int):
        yield "max_tokens: Field required"
    if request.get("stream") is not True:
        yield "stream: this server only streams"
    turns = request.get("messages") or []
    if not turns or turns[0]["role"] != "user":
        yield "messages: first message must use the user role"
    for tool in request.get("tools") or ():
        if not _TOOL_NAME.fullmatch(tool["name"]) or tool["input_schema"].get("type") != "object":
            yield "tools: a tool needs a name and an object schema"
    if sum(1 for _ in _cache_points(request)) > _MOST_CACHE_POINTS:
        yield "A maximum of 4 blocks with cache_control may be provided."
    asked: set[str] = set()
    for number, turn in enumerate(turns):
        yield from (f"messages.{number}: {problem}" for problem in _turn_problems(turn, asked))
        asked = {block["id"] for block in _blocks(turn["content"]) if block["type"] == "tool_use"}


def _turn_problems(turn: dict[str, Any], asked: set[str]) -> Iterator[str]:
    answered = set()
    for block in _blocks(turn["content"]):
        match block["type"]:
            case "text" if not block["text"].strip():
                yield "text content blocks must be non-empty"
            case "tool_use" if not isinstance(block["input"], dict):
                yield "tool_use.input: Input should be a valid dictionary"
            case "tool_result":
                answered.add(block["tool_use_id"])
    if asked != answered:
        yield "each `tool_use` block must have a `tool_result` block in the next message, and the other way round"


def _cache_points(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        if value.get("cache_control"):
            yield value
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from _cache_points(inner)


def _messages(turn: dict[str, Any]) -> Iterator[dict[str, Any]]:
    blocks = _blocks(turn["content"])
    for block in blocks:
        if block["type"] == "tool_result":
            yield {"role": "tool", "tool_call_id": block["tool_use_id"], "content": _text(block["content"])}
    said = [block for block in blocks if block["type"] == "text"]
    calls = [
        {"id": block["id"], "function": {"name": block["name"], "arguments": orjson.dumps(block["input"]).decode()}}
        for block in blocks
        if block["type"] == "tool_use"
    ]
    if said or calls:
        yield {"role": turn["role"], "content": _text(said)} | ({"tool_calls": calls} if calls else {})


def _blocks(content: str | list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _text(content: str | list[dict[str, Any]]) -> str:
    return "\n".join(block["text"] for block in _blocks(content) if block["type"] == "text")
