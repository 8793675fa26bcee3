"""Estimates are near what the common vocabularies give, and add up however a text comes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.agent.llm.estimate import TextMeter, estimate_prompt, estimate_tokens, estimate_usage
from services.agent.llm.port import ModelRequest


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        ("", 0, 0),
        ("a", 1, 1),
        ("The quick brown fox jumps over the lazy dog. " * 10, 90, 130),
        ("def main():\n    return {'a': [1, 2, 3]}\n" * 10, 90, 180),
        ("快速的棕色狐狸跳过了懒狗" * 10, 80, 160),
        ("Быстрая коричневая лиса прыгает " * 10, 80, 200),
        ("🌍" * 10, 10, 30),
    ],
)
def test_estimate_is_near(text: str, least: int, most: int) -> None:
    assert least <= estimate_tokens(text) <= most


@settings(deadline=None)
@given(st.lists(st.text(max_size=20), max_size=10))
def test_pieces_add_up_to_the_whole(pieces: list[str]) -> None:
    meter = TextMeter()
    for piece in pieces:
        meter.add(piece)

    assert meter.tokens == estimate_tokens("".join(pieces))
    assert meter.chars == sum(map(len, pieces))


def test_prompt_counts_messages_calls_tools_and_images() -> None:
    bare = [{"role": "user", "content": "x" * 400}]
    call = {"id": "c", "function": {"name": "f", "arguments": "y" * 400}}
    image = {"role": "user", "content": [{"type": "text", "text": "z" * 400}, {"type": "image_url"}]}
    tool = {"function": {"description": "d" * 400}}

    def prompt(*messages: object, tools: tuple[Any, ...] = ()) -> int:
        return estimate_prompt(ModelRequest(model="m", messages=messages, tools=tools))  # type: ignore[arg-type]

    assert prompt(*bare) == 104
    assert 200 < prompt(*bare, {"role": "assistant", "content": None, "tool_calls": [call]}) < 250
    assert 1200 < prompt(*bare, image) < 1250
    assert 200 < prompt(*bare, tools=(tool,)) < 250


def test_usage_of_a_stopped_call_is_flagged() -> None:
    usage = estimate_usage(ModelRequest(model="m", messages=[{"role": "user", "content": "x" * 40}]), "y" * 40)

    assert (usage.prompt_tokens, usage.completion_tokens, usage.estimated) == (14, 10, True)
