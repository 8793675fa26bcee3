"""What each tool class allows after the process of a call died in the middle of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import ClassVar

import pytest

from services.kit.tasks import Supervisor
from services.tools.catalogue.registry import ToolRegistry
from services.tools.catalogue.tool import Arguments, Running, Tool, function
from services.tools.domain.executions import Call, StoredResult
from services.tools.domain.tools import Outcome, ToolClass, ToolInfo, ToolResult, succeeded
from services.tools.executions.driver import Driver
from services.tools.executions.executor import Executor
from services.tools.ports import Lease
from services.tools.storage.postgres import PostgresExecutions
from tests.integration.tools.test_store import database, new_call, store

__all__ = ["database", "store"]


class ProbeTool(Tool):
    """Notes each effect, and waits to be let go."""

    info: ClassVar[ToolInfo] = ToolInfo("probe", "Probe", "For tests", 1)

    def __init__(self) -> None:
        self.begun: list[bool] = []
        self.stopped: list[str] = []
        self.began = asyncio.Event()
        self.go = asyncio.Event()

    async def stop(self, key: str) -> None:
        self.stopped.append(key)

    async def _effect(self, running: Running) -> ToolResult:
        self.begun.append(running.resumed)
        self.began.set()
        running.emit("shown ")
        await self.go.wait()
        return succeeded(len(self.begun))

    @function("", ToolClass.PURE)
    async def pure(self, running: Running, _arguments: Arguments) -> ToolResult:
        return await self._effect(running)

    @function("", ToolClass.IDEMPOTENT)
    async def idempotent(self, running: Running, _arguments: Arguments) -> ToolResult:
        return await self._effect(running)

    @function("", ToolClass.QUERYABLE)
    async def queryable(self, running: Running, _arguments: Arguments) -> ToolResult:
        return await self._effect(running)

    @function("", ToolClass.AT_MOST_ONCE)
    async def at_most_once(self, running: Running, _arguments: Arguments) -> ToolResult:
        return await self._effect(running)

    @function("", ToolClass.AT_MOST_ONCE)
    async def crashing(self, _running: Running, _arguments: Arguments) -> ToolResult:
        raise ZeroDivisionError


@asynccontextmanager
async def executor(store: PostgresExecutions, tool: Tool, lease: Lease) -> AsyncIterator[Executor]:
    async with Supervisor() as supervisor:
        yield Executor(store, ToolRegistry([tool]), Driver(store, 1000), supervisor, lease, 1000)


def call_of(name: str) -> Call:
    return replace(new_call(), function_name=name, arguments={})


async def result_of(executor: Executor, call: Call) -> StoredResult:
    *_, last = [part async for part in executor.execute(call)]
    assert isinstance(last, StoredResult)
    return last


async def die_in_the_middle(store: PostgresExecutions, tool: ProbeTool, call: Call) -> None:
    """Begins the call in a process whose lease ends as it dies."""
    async with executor(store, tool, Lease("first", 0)) as first, asyncio.TaskGroup() as tasks:
        watching = tasks.create_task(result_of(first, call))
        await tool.began.wait()
        watching.cancel()


@pytest.mark.parametrize("name", ["pure", "idempotent", "queryable"])
async def test_repeatable_call_runs_again_and_knows_it(store: PostgresExecutions, name: str) -> None:
    tool, call = ProbeTool(), call_of(name)
    await die_in_the_middle(store, tool, call)
    tool.go.set()
    async with executor(store, tool, Lease("second", 60)) as second:
        result = await result_of(second, call)
    assert result.outcome is Outcome.SUCCEEDED
    assert tool.begun == [False, True]


async def test_at_most_once_call_is_unknown_and_never_runs_again(store: PostgresExecutions) -> None:
    tool, call = ProbeTool(), call_of("at_most_once")
    await die_in_the_middle(store, tool, call)
    tool.go.set()
    async with executor(store, tool, Lease("second", 60)) as second:
        result = await result_of(second, call)
        again = await result_of(second, call)
    assert result.outcome is Outcome.UNKNOWN
    assert result.error
    assert "not known" in result.error
    assert again == result
    assert tool.begun == [False]


async def test_function_that_raises_is_a_stored_failure_without_its_insides(store: PostgresExecutions) -> None:
    tool, call = ProbeTool(), call_of("crashing")
    async with executor(store, tool, Lease("first", 60)) as first:
        result = await result_of(first, call)
    assert result.outcome is Outcome.FAILED
    assert result.error
    assert "ZeroDivision" not in result.error


async def test_process_that_lost_its_row_stops_and_stores_nothing(store: PostgresExecutions) -> None:
    tool, call = ProbeTool(), call_of("pure")
    async with executor(store, tool, Lease("first", 60)) as first:
        watching = asyncio.create_task(result_of(first, call))
        await tool.began.wait()
        row = await store.get(call.key)
        assert row is not None
        assert await store.claim(row, Lease("second", 60))
        await first.beat()
        answers = await asyncio.gather(watching, return_exceptions=True)
    assert getattr(answers[0], "reason", "") == "EXECUTION_MOVED"
    kept = await store.get(call.key)
    assert kept is not None
    assert kept.result is None


async def test_cancel_stops_the_effect_of_a_dead_process(store: PostgresExecutions) -> None:
    tool, call = ProbeTool(), call_of("queryable")
    await die_in_the_middle(store, tool, call)
    async with executor(store, tool, Lease("second", 60)) as second:
        result = await second.cancel(call.key, 2)
        assert await result_of(second, replace(call, epoch=2)) == result
    assert result.outcome is Outcome.CANCELLED
    assert tool.stopped == [call.key]
