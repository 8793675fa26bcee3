"""A provider's port behind its models' circuit breakers: one that is down is not asked by every run in turn, and the
provider's other models are.

What counts is how a call begins: no connection, no answer in time, a fault of the provider's. A refusal (a key, a
limit, a wrong request) is an answer, and an answer that broke off later had begun.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from typing import Final

from services.agent.llm.errors import ErrorType, ModelError
from services.agent.llm.port import ModelEvent, ModelPort, ModelRequest
from services.kit.circuit_breaker import CircuitBreaker, CircuitOpen, CircuitState
from services.kit.clock import Clock

MOST: Final = 64
"""Models that have a breaker of their own."""

_DOWN = frozenset({ErrorType.SERVICE_UNAVAILABLE, ErrorType.API})


def is_down(error: BaseException) -> bool:
    """Whether a failure speaks against the model."""
    return isinstance(error, ModelError) and error.error_type in _DOWN


class ModelBreakers:
    """One breaker for each model that was asked lately, named `<provider>/<model>`.

    People name models, so there is a bound: of those that are not open, the one asked longest ago is forgotten. Where
    all are, models that come new share one of their provider's.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: dict[str, CircuitBreaker] = {}
        self._shared: dict[str, CircuitBreaker] = {}

    @property
    def all(self) -> list[CircuitBreaker]:
        """Those there are."""
        return [*self._known.values(), *self._shared.values()]

    def of(self, provider: str, model: str) -> CircuitBreaker:
        """The one that a call of this model has to pass."""
        name = f"{provider}/{model}"
        if name not in self._known and not self._make_room():
            return self._shared.setdefault(provider, self._new(provider))
        breaker = self._known.pop(name, None) or self._new(name)
        self._known[name] = breaker  # the one asked last is the last
        return breaker

    def _new(self, name: str) -> CircuitBreaker:
        return CircuitBreaker(name, self._clock, is_down)

    def _make_room(self) -> bool:
        if len(self._known) < MOST:
            return True
        idle = next((name for name, breaker in self._known.items() if breaker.state is not CircuitState.OPEN), None)
        if idle is not None:
            del self._known[idle]
        return idle is not None


class GuardedModel:
    """A ModelPort around another, which reaches one provider."""

    def __init__(self, provider: str, port: ModelPort, breakers: ModelBreakers) -> None:
        self.provider = provider
        self.port = port
        self.breakers = breakers

    async def stream(self, request: ModelRequest) -> AsyncGenerator[list[ModelEvent], None]:
        async with aclosing(self.port.stream(request)) as batches:
            with self._beginning(request.model):
                first = await anext(batches)
            yield first
            async for batch in batches:
                yield batch

    async def aclose(self) -> None:
        await self.port.aclose()

    @contextmanager
    def _beginning(self, model: str) -> Iterator[None]:
        try:
            with self.breakers.of(self.provider, model).calling():
                yield
        except CircuitOpen as refused:
            raise ModelError(
                ErrorType.SERVICE_UNAVAILABLE,
                "The model failed several times in a row and is given a pause",
                retry_after=refused.retry_after_s,
            ) from None
