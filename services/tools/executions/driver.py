"""Drives one execution to its stored result: within its time, until it is stopped, whatever its function does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import orjson
import stamina

from services.kit.context import acting_for
from services.kit.errors import MeshError, Unavailable
from services.kit.logging import get_logger
from services.kit.postgres import StorageConflict
from services.tools.catalogue.tool import BoundFunction
from services.tools.domain.executions import EncodedResult, ExecutionLostError, StoredResult
from services.tools.domain.output import REPLACEMENT, bounded
from services.tools.domain.tools import Outcome, ToolResult, failed
from services.tools.executions.live import LiveExecution
from services.tools.ports import ExecutionStore

log = get_logger()

_T = TypeVar("_T")

_STOP_PATIENCE_S = 30.0
_MAX_ERROR_CHARS = 4000

VERDICTS = {
    Outcome.CANCELLED: "Cancelled",
    Outcome.TIMED_OUT: "It took longer than it may, and was ended",
    Outcome.UNKNOWN: "It was begun, and what became of it is not known: look at the state of things before you go on",
}


class Driver:
    """`result_chars` bounds a result's JSON."""

    def __init__(self, store: ExecutionStore, result_chars: int) -> None:
        self._store = store
        self._result_chars = result_chars

    async def drive(self, live: LiveExecution) -> None:
        """Calls the function, ends its effect where it was cut short, and stores what came of it."""
        call = live.call
        with acting_for(call.account_id, run_id=call.run_id, epoch=call.epoch):
            result = await self._result(live)
            stored = None if result is None else await self.settle(call.key, live.owner, result, live.output)
        if stored is None:
            live.lose()
            return
        log.info("execution.ended", key=call.key, function=call.function_name, outcome=stored.outcome.value)
        live.finish(stored)

    async def settle(self, key: str, owner: str, result: ToolResult, output: str = "") -> StoredResult | None:
        """Stores a result, for as long as it takes: it may be of something that happens only once."""
        encoded = self._encoded(result)
        return await _persistently(lambda: self._store.finish(key, owner, encoded, output), patience_s=None)

    async def stop(self, function: BoundFunction | None, key: str, verdict: Outcome) -> ToolResult:
        """Ends the effect of a key; the verdict's result, or unknown where that can not be done."""
        try:
            if function is not None:
                await _persistently(lambda: function.tool.stop(key), patience_s=_STOP_PATIENCE_S)
        except MeshError as away:
            log.warning("execution.not_stopped", key=key, reason=away.reason)
            verdict = Outcome.UNKNOWN
        return ToolResult(verdict, None, VERDICTS[verdict])

    async def _result(self, live: LiveExecution) -> ToolResult | None:
        """None where the execution is no longer this process's."""
        # As a value, so that what a function fails with is seen here, and a cancellation of this task passes through.
        [result] = await asyncio.gather(_called(live), return_exceptions=True)
        if live.lost or isinstance(result, ExecutionLostError):
            return None
        if result is None:
            ended = await self.stop(live.function, live.call.key, live.verdict or Outcome.TIMED_OUT)
            return ToolResult(ended.outcome, {"output": live.output} if live.output else None, ended.error)
        if isinstance(result, MeshError):
            return failed(result.message)
        if isinstance(result, Exception):
            log.error("execution.crashed", key=live.call.key, function=live.call.function_name, exc_info=result)
            return failed("The tool failed for a reason of its own; part of its work may have been done")
        if isinstance(result, BaseException):
            raise result
        return result

    def _encoded(self, result: ToolResult) -> EncodedResult:
        output = orjson.dumps(result.output).decode()
        if len(output) > self._result_chars:
            output = orjson.dumps(bounded(output, self._result_chars)).decode()
        error = result.error and bounded(result.error.replace("\0", REPLACEMENT), _MAX_ERROR_CHARS)
        return EncodedResult(result.outcome, output, error)


async def _called(live: LiveExecution) -> ToolResult | None:
    """What the function answered; None where its time was up or it was stopped."""
    if live.verdict is not None:
        return None
    scope = asyncio.timeout_at(live.deadline)
    try:
        async with scope:
            live.scope = scope
            try:
                return await live.function.handler(live, live.call.arguments)
            finally:
                live.scope = None
    except TimeoutError:
        if not scope.expired():
            raise
        return None


async def _persistently(work: Callable[[], Awaitable[_T]], patience_s: float | None) -> _T:
    """Does it again while what it needs is away."""
    retrying = stamina.retry_context(
        on=(Unavailable, StorageConflict), attempts=None, timeout=patience_s, wait_initial=0.05, wait_max=2.0
    )
    async for attempt in retrying:
        with attempt:
            return await work()
    raise AssertionError("unreachable: the last attempt returns or raises")
