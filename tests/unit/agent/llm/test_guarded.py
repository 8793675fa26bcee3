"""A provider that is down is left alone; one that refuses is not down."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from services.agent.llm.errors import ErrorType, ModelError, cut_off, unreachable
from services.agent.llm.guarded import MOST, GuardedModel, ModelBreakers
from services.agent.llm.port import Finished, ModelEvent, ModelRequest, TextDelta
from services.kit.circuit_breaker import CircuitBreaker, CircuitState
from tests.unit.kit.test_circuit_breaker import ManualClock


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
        self.breakers = ModelBreakers(self.clock)
        self.model = GuardedModel("openai", self.provider, self.breakers)

    @property
    def breaker(self) -> CircuitBreaker:
        return self.breakers.of("openai", "m")

    async def ask(self, model: str = "m") -> list[ModelEvent]:
        request = ModelRequest(model=model, messages=[])
        return [event async for batch in self.model.stream(request) for event in batch]

    async def fail(self, model: str = "m") -> ModelError:
        with pytest.raises(ModelError) as failed:
            await self.ask(model)
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


async def test_a_model_that_is_down_takes_no_other_of_its_provider_along() -> None:
    world = World()
    world.provider.before = unreachable("no route")
    for _ in range(5):
        await world.fail("bad")
    world.provider.before = None
    assert (await world.fail("bad")).retry_after == 30
    assert await world.ask("good") == [TextDelta("word"), Finished("stop")]
    assert {breaker.name: breaker.state for breaker in world.breakers.all} == {
        "openai/bad": CircuitState.OPEN,
        "openai/good": CircuitState.CLOSED,
    }


async def test_however_many_models_people_name_breakers_are_bounded_and_open_ones_stay() -> None:
    world = World()
    world.provider.before = unreachable("no route")
    for _ in range(5):
        await world.fail("bad")
    world.provider.before = None
    for number in range(2 * MOST):
        await world.ask(f"m{number}")
    assert len(world.breakers.all) == MOST
    assert (await world.fail("bad")).retry_after == 30


async def test_where_too_many_models_are_down_the_next_ones_share_their_providers_breaker() -> None:
    world = World()
    world.provider.before = unreachable("no route")
    for number in range(MOST):
        for _ in range(5):
            await world.fail(f"m{number}")
    for number in range(5):
        await world.fail(f"other{number}")
    asked = world.provider.asked
    assert (await world.fail("one more")).retry_after == 30
    assert world.provider.asked == asked
    assert [breaker.name for breaker in world.breakers.all][-1] == "openai"
    assert len(world.breakers.all) == MOST + 1
    world.clock.seconds, world.provider.before = 30, None  # their pauses are over: there is room again
    await world.ask("one more")
    assert "openai/one more" in [breaker.name for breaker in world.breakers.all]


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
    async with aclosing(world.model.stream(ModelRequest(model="m", messages=[]))) as batches:
        await anext(batches)
    assert world.provider.closed == 1
