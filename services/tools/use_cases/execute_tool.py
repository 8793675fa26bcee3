"""Executes a call for a run, if it may and can be made."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from services.kit.clock import Clock
from services.tools.catalogue.registry import BadCallError, ToolRegistry
from services.tools.domain.executions import Call, StoredResult
from services.tools.domain.tools import Outcome
from services.tools.errors import NotThisRun
from services.tools.executions.executor import Executor

ALL_TOOLS = "tools"
"""The scope that allows every tool; `tools:<registry name>` allows one."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What the caller's token says: for whom it calls, and what that run may use."""

    account_id: str
    run_id: str
    scopes: frozenset[str]

    def allows(self, tool: str) -> bool:
        """Whether the run may call functions of that tool."""
        return ALL_TOOLS in self.scopes or f"{ALL_TOOLS}:{tool}" in self.scopes


@dataclass(frozen=True, slots=True)
class Wish:
    """A call as it was asked for. `timeout_s` is None for the default."""

    key: str
    epoch: int
    function_name: str
    arguments_json: str
    account_id: str
    project_id: str
    thread_id: str
    run_id: str
    timeout_s: float | None


class ExecuteTool:
    """Checks a wish, then attaches to its execution. What can not be made is a failed result and leaves no row."""

    def __init__(
        self, registry: ToolRegistry, executor: Executor, clock: Clock, default_timeout_s: float, max_timeout_s: float
    ) -> None:
        self._registry = registry
        self._executor = executor
        self._clock = clock
        self._default_timeout_s = default_timeout_s
        self._max_timeout_s = max_timeout_s

    async def __call__(self, grant: Grant, wish: Wish) -> AsyncIterator[str | StoredResult]:
        """Output from the start, then one result. Raises NotThisRun, StaleEpoch, ExecutionConflict, Unavailable."""
        if (grant.account_id, grant.run_id) != (wish.account_id, wish.run_id):
            raise NotThisRun
        try:
            call = self._call(grant, wish)
        except BadCallError as wrong:
            now = self._clock.now()
            yield StoredResult(Outcome.FAILED, "null", str(wrong), now, now)
            return
        async for part in self._executor.execute(call):
            yield part

    def _call(self, grant: Grant, wish: Wish) -> Call:
        function = self._registry.demand(wish.function_name)
        if not grant.allows(function.tool.info.name):
            raise BadCallError(f"This run may not call {wish.function_name}")
        arguments = self._registry.read_arguments(wish.function_name, wish.arguments_json)
        timeout_s = wish.timeout_s or max(self._default_timeout_s, function.tool.needed_s(arguments))
        return Call(
            key=wish.key,
            epoch=wish.epoch,
            function_name=wish.function_name,
            arguments=arguments,
            account_id=wish.account_id,
            project_id=wish.project_id,
            thread_id=wish.thread_id,
            run_id=wish.run_id,
            timeout_s=min(timeout_s, self._max_timeout_s),
        )
