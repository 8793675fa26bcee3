"""mock-ai performs beats as events, waits where it is told to, and streams in batches."""

from __future__ import annotations

from services.agent.llm.mock_ai import MockAi
from services.agent.llm.port import Finished, ModelEvent, ModelRequest, TextDelta, Usage


async def _batches(prompt: str) -> tuple[list[list[ModelEvent]], list[float]]:
    waits: list[float] = []

    async def wait(seconds: float) -> None:
        waits.append(seconds)

    request = ModelRequest(model="mock-ai", messages=[{"role": "user", "content": prompt}])
    return [batch async for batch in MockAi(wait).stream(request)], waits


async def test_short_answer_is_one_batch() -> None:
    batches, waits = await _batches("[[say a b]]")

    assert batches == [[TextDelta("a"), TextDelta(" b"), Usage(3, 2), Finished("stop")]]
    assert waits == []


async def test_token_never_waits_for_the_next_one() -> None:
    batches, waits = await _batches("[[delay 1]] [[say a b]]")

    assert batches[:2] == [[TextDelta("a")], [TextDelta(" b"), Usage(5, 2), Finished("stop")]]
    assert waits == [1.0, 1.0]


async def test_wait_before_the_first_token_precedes_it() -> None:
    batches, waits = await _batches("[[wait 3]] [[say a]]")

    assert len(batches) == 1
    assert waits == [3.0]


async def test_long_answer_lets_others_run() -> None:
    batches, waits = await _batches("[[tokens 1000]]")

    assert len(batches) > 10
    assert waits == [0] * (len(batches) - 1)


async def test_same_request_is_answered_alike() -> None:
    prompt = "[[think x]] [[call f {}]] [[tokens 9]]"

    assert await _batches(prompt) == await _batches(prompt)
