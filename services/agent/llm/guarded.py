"""A model port behind its provider's circuit breaker: a provider that is down is not asked by every run in turn.

What counts is how a call begins: no connection, no answer in time, a fault of the provider's. A refusal (a key, a
limit, a wrong request) is an answer, and an answer that broke off later had begun.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager

from services.agent.llm.errors import ErrorType, ModelError
from services.agent.llm.port import ModelEvent, ModelPort, ModelRequest
from services.kit.circuit_breaker import CircuitBreaker, CircuitOpen

_DOWN = frozenset({ErrorType.SERVICE_UNAVAILABLE, ErrorType.API})


def is_down(error: BaseException) -> bool:
    """Whether a failure speaks against the provider."""
    return isinstance(error, ModelError) and error.error_type in _DOWN


class GuardedModel:
    """A ModelPort around another."""

    def __init__(self, port: ModelPort, breaker: CircuitBreaker) -> None:
        self.port = port
        self.breaker = breaker

    async def stream(self, request: ModelRequest) -> AsyncGenerator[list[ModelEvent], None]:
        async with aclosing(self.port.stream(request)) as batches:
            with self._beginning():
                first = await anext(batches)
            yield first
            async for batch in batches:
                yield batch

    async def aclose(self) -> None:
        await self.port.aclose()

    @contextmanager
    def _beginning(self) -> Iterator[None]:
        try:
            with self.breaker.calling():
                yield
        except CircuitOpen as refused:
            raise ModelError(
                ErrorType.SERVICE_UNAVAILABLE,
                "The model's provider failed several times in a row and is given a pause",
                retry_after=refused.retry_after_s,
            ) from None
