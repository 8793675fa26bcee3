"""A provider that is down is left alone; one that refuses is not down."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from services.agent.llm.errors import ErrorType, ModelError, cut_off, unreachable
from services.agent.llm.guarded import GuardedModel, is_down
from services.agent.llm.port import Finished, ModelEvent, ModelRequest, TextDelta
from services.kit.circuit_breaker import CircuitBreaker, CircuitState
from tests.unit.kit.test_circuit_breaker import ManualClock

REQUEST = ModelRequest(model="m", messages=[])


class Provider:
    """Answers with a word, fails as told, before or after it."""

    def __init__(self) -> None:
        self.asked = 0
        self.closed = 0
        self.before: ModelError | None = None
        self.after: ModelError | None = None

    async def stream(self, request: ModelRequest) -> AsyncGenerator[list[ModelEvent], None]:
        self.asked += 1
        try:
            if self.before:
                raise self.before
            yield [TextDelta("word")]
            if self.after:
                raise self.after
            yield [Finished("stop")]
        finally:
            self.closed += 1

    async def aclose(self) -> None:
        """Nothing is open."""


class World:
    """A guarded provider, and a clock."""

    def __init__(self) -> None:
        self.clock, self.provider = ManualClock(), Provider()
        self.breaker = CircuitBreaker("openai", self.clock, is_down)
        self.model = GuardedModel(self.provider, self.breaker)

    async def ask(self) -> list[ModelEvent]:
        return [event async for batch in self.model.stream(REQUEST) for event in batch]

    async def fail(self) -> ModelError:
        with pytest.raises(ModelError) as failed:
            await self.ask()
        return failed.value


async def test_a_provider_that_is_down_is_not_asked_by_every_run() -> None:
    world = World()
    world.provider.before = unreachable("no route")
    for _ in range(5):
        assert (await world.fail()).message == "no route"
    refused = await world.fail()
    assert world.provider.asked == 5
    assert refused.retryable
    assert refused.retry_after == 30

    world.clock.seconds, world.provider.before = 30, None
    for _ in range(3):
        assert await world.ask() == [TextDelta("word"), Finished("stop")]
    assert world.breaker.state is CircuitState.CLOSED


@pytest.mark.parametrize("error_type", sorted(set(ErrorType) - {ErrorType.SERVICE_UNAVAILABLE, ErrorType.API}))
async def test_a_refusal_is_an_answer(error_type: ErrorType) -> None:
    world = World()
    world.provider.before = ModelError(error_type, "no")
    for _ in range(10):
        await world.fail()
    assert world.provider.asked == 10


async def test_an_answer_that_breaks_off_had_begun() -> None:
    world = World()
    world.provider.after = cut_off("cut")
    for _ in range(10):
        await world.fail()
    assert world.breaker.state is CircuitState.CLOSED


async def test_an_answer_that_is_left_closes_the_providers() -> None:
    world = World()
    async with aclosing(world.model.stream(REQUEST)) as batches:
        await anext(batches)
    assert world.provider.closed == 1
