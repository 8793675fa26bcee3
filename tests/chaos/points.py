"""The fault points: methods of ports at each boundary of the run protocol, wrapped in test processes alone.

Production has none of this. `install` replaces the methods before a service is built; each boundary is asked `before`
the real method is called and `after` it answered: after a commit, that is, and before anybody has heard of it.
"""

from __future__ import annotations

import asyncio
import functools
import os
import signal
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from datetime import datetime, timedelta
from pkgutil import resolve_name
from typing import Any, Final, Literal, NamedTuple

from services.kit.clock import SystemClock
from services.kit.errors import Unavailable
from services.kit.postgres import StorageUnavailable
from tests.chaos.orders import OrderBook

Kind = Literal["storage", "neighbour", "model", "tool"]


class Boundary(NamedTuple):
    """A method that is wrapped, and what `away` means there."""

    service: str
    method: str
    kind: Kind


_JOURNAL = "services.agent.storage.postgres.journal:PostgresJournal"
_OWNERSHIP = "services.agent.storage.postgres.ownership:PostgresOwnership"
_EXECUTIONS = "services.tools.storage.postgres:PostgresExecutions"

BOUNDARIES: Final = {
    "admit": Boundary("agent", "services.agent.storage.postgres.runs:PostgresRuns.admit", "storage"),
    "claim": Boundary("agent", f"{_OWNERSHIP}.claim", "storage"),
    "intent": Boundary("agent", f"{_JOURNAL}.begin_step", "storage"),
    "tool_intent": Boundary("agent", f"{_JOURNAL}.begin_calls", "storage"),
    "result": Boundary("agent", f"{_JOURNAL}.finish_step", "storage"),
    "tool_result": Boundary("agent", f"{_JOURNAL}.finish_calls", "storage"),
    "terminal": Boundary("agent", f"{_JOURNAL}.finish_run", "storage"),
    "release": Boundary("agent", f"{_OWNERSHIP}.release", "storage"),
    "outbox": Boundary("agent", "services.agent.clients.threads:ThreadsClient.deliver", "neighbour"),
    "charge": Boundary("agent", "services.agent.clients.billing:BillingClient.deliver", "neighbour"),
    "execution_begin": Boundary("tools", f"{_EXECUTIONS}.begin", "storage"),
    "execution_finish": Boundary("tools", f"{_EXECUTIONS}.finish", "storage"),
    "threads_append": Boundary("threads", "services.threads.storage.postgres:PostgresThreads.append", "storage"),
    "billing_settle": Boundary("billing", "services.billing.storage.postgres:PostgresLedger.settle", "storage"),
}
"""Boundaries that are one call: asked before and after it."""
MOMENTS: Final[dict[str, Kind]] = {
    "first_byte_out": "model",
    "first_token": "model",
    "last_token": "model",
    "tool_start": "neighbour",
    "tool_answer": "neighbour",
    "effect.before": "tool",
    "effect.after": "tool",
}
"""Moments within the agent's streams, and around the effect of a fake tool."""
POINTS: Final[dict[str, Kind]] = {
    **{f"{name}.{when}": boundary.kind for name, boundary in BOUNDARIES.items() for when in ("before", "after")},
    **MOMENTS,
}
ON_THE_WAY_OUT: Final = frozenset({"release.before", "release.after"})
"""Points that only a worker who leaves comes by."""


_CLOCK_S: Final = 3.0
"""For how long a process' clock goes wrong."""


class Injected(Exception):
    """An error that nobody foresaw."""


class Points:
    """Asks the book at each point, and does what it says."""

    def __init__(self, book: OrderBook) -> None:
        self.book = book
        self._ahead = timedelta()

    async def reach(self, point: str) -> None:
        """Does what was ordered for this point, if anything was."""
        order = self.book.take(point)
        if order is None:
            return
        match order.action:
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case "pause":
                os.kill(os.getpid(), signal.SIGSTOP)
            case "error":
                raise Injected(point)
            case "away":
                raise _away(POINTS[point])
            case "delay":
                await asyncio.sleep(order.seconds)
            case "block":
                time.sleep(order.seconds)  # noqa: ASYNC251 -- that is the fault
            case "clock":
                self._ahead = timedelta(seconds=order.seconds)
                asyncio.get_running_loop().call_later(_CLOCK_S, self._set_right)
            case "wait":
                while not self.book.may_go(order.order_id):
                    await asyncio.sleep(0.01)

    def _set_right(self) -> None:
        self._ahead = timedelta()

    def install(self, service: str) -> None:
        """Wraps every boundary of one service, and its clock."""
        _replace("services.kit.clock:SystemClock.now", self._clock)
        for name, boundary in BOUNDARIES.items():
            if boundary.service == service:
                _replace(boundary.method, functools.partial(self._around, name))
        if service == "agent":
            _replace("services.agent.llm.openai_compatible:OpenAiCompatible.stream", self._model)
            _replace("services.agent.clients.tools:ToolsClient.execute", self._tool)

    def _clock(self, now: Callable[[SystemClock], datetime]) -> Callable[[SystemClock], datetime]:
        return lambda clock: now(clock) + self._ahead

    def _around(self, name: str, method: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        @functools.wraps(method)
        async def wrapped(*args: Any, **kwargs: Any) -> Any:
            await self.reach(f"{name}.before")
            answer = await method(*args, **kwargs)
            if name != "claim" or answer:  # a look that found nothing is no claim
                await self.reach(f"{name}.after")
            return answer

        return wrapped

    def _model(self, stream: Callable[..., AsyncGenerator[Any, None]]) -> Callable[..., AsyncGenerator[Any, None]]:
        @functools.wraps(stream)
        async def wrapped(*args: Any) -> AsyncGenerator[Any, None]:
            await self.reach("first_byte_out")
            first = True
            async with aclosing(stream(*args)) as batches:
                async for batch in batches:
                    if first:
                        await self.reach("first_token")
                        first = False
                    if any(type(event).__name__ == "Finished" for event in batch):
                        await self.reach("last_token")
                    yield batch

        return wrapped

    def _tool(self, execute: Callable[..., AsyncGenerator[Any, None]]) -> Callable[..., AsyncGenerator[Any, None]]:
        @functools.wraps(execute)
        async def wrapped(*args: Any) -> AsyncGenerator[Any, None]:
            await self.reach("tool_start")
            async with aclosing(execute(*args)) as parts:
                async for part in parts:
                    if not isinstance(part, str):
                        await self.reach("tool_answer")
                    yield part

        return wrapped


def _replace(path: str, wrap: Callable[[Any], Any]) -> None:
    """Puts a wrapper in a method's place; AttributeError where there is no such method."""
    owner = resolve_name(path.rpartition(".")[0])
    name = path.rpartition(".")[2]
    setattr(owner, name, wrap(getattr(owner, name)))


def _away(kind: Kind) -> Exception:
    """What a port of this kind raises when the other side is away."""
    if kind == "model":
        from services.agent.llm.classify import of_type  # only where the agent is
        from services.agent.llm.errors import ErrorType

        return of_type(ErrorType.SERVICE_UNAVAILABLE, "injected")
    return StorageUnavailable() if kind == "storage" else Unavailable("injected")
