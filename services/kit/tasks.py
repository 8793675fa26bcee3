"""Background work that is kept alive: the one place where tasks are started, and where their failures are logged."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import Context
from types import TracebackType
from typing import Self

from services.kit.errors import MeshError
from services.kit.logging import get_logger

log = get_logger()

_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 10.0
_HEALTHY_S = 30.0
_CANCELLED_AGAIN_S = 5.0


class Supervisor:
    """Runs named jobs until it is left; leaving cancels all of them and waits for their end.

    A job that raises is started again after a pause that doubles from 0.1 s to 10 s, and starts over after 30 s without
    a failure. The same kind of failure is logged once in a row. A job that returns is done. Jobs begin in an empty
    context: a deadline or a caller of the RPC that started one never leaks into it.
    """

    def __init__(self) -> None:
        self._group = asyncio.TaskGroup()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            while self._tasks:
                for task in self._tasks:
                    task.cancel()
                # Libraries lose a cancellation that comes in the moment in which what they await is there.
                await asyncio.wait(self._tasks, timeout=_CANCELLED_AGAIN_S)
        finally:
            await self._group.__aexit__(kind, error, trace)

    def start(self, name: str, job: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
        """Starts a job and keeps it running. Cancel the returned task to end this one alone."""
        return self._add(name, self._keep(name, job))

    def start_once(self, name: str, job: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
        """Starts a job that is not repeated; a failure is logged and ends it."""
        return self._add(name, self._attempt(name, job, None))

    def _add(self, name: str, work: Awaitable[object]) -> asyncio.Task[None]:
        async def run() -> None:
            await work

        task = self._group.create_task(run(), name=name, context=Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _keep(self, name: str, job: Callable[[], Awaitable[None]]) -> None:
        loop = asyncio.get_running_loop()
        pause, last = _FIRST_PAUSE_S, None
        while True:
            started = loop.time()
            failure = await self._attempt(name, job, last)
            if failure is None:
                return
            if loop.time() - started > _HEALTHY_S:
                pause = _FIRST_PAUSE_S
            await asyncio.sleep(pause)
            pause, last = min(pause * 2, _LONGEST_PAUSE_S), failure

    async def _attempt(self, name: str, job: Callable[[], Awaitable[None]], last: str | None) -> str | None:
        """Runs the job once; the kind of its failure, None where it ended by itself."""
        try:
            await job()
        except MeshError as foreseen:
            if foreseen.reason != last:
                log.warning("task.failed", task=name, reason=foreseen.reason)
            return foreseen.reason
        except Exception as failed:
            kind = type(failed).__name__
            if kind != last:
                log.exception("task.failed", task=name)
            return kind
        if last is not None:
            log.info("task.recovered", task=name)
        return None
