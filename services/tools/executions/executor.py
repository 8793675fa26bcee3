"""The heart: executions by key, each driven by one process at a time and watched by anybody who may.

A call commits its row, then a task of this process drives it, then its result is committed; callers only attach. So a
lost caller changes nothing, a repeated one finds what there is, and a restarted process goes on from the rows.

Which process drives a row is its `owner` column with a lease. A call that finds a row of a live other owner waits for
it, unless the effect is queryable: then it lives in the sandbox under its key, and any process may watch it there. A
row whose owner is gone is taken over, and goes on as its tool's class allows (`domain.executions.adoption`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from weakref import WeakValueDictionary

from services.kit.errors import Unavailable
from services.kit.postgres import StorageUnavailable
from services.kit.tasks import Supervisor
from services.tools.catalogue.registry import ToolRegistry
from services.tools.domain.executions import Adoption, Call, Row, StoredResult, adoption
from services.tools.domain.tools import Outcome, ToolClass
from services.tools.errors import ExecutionConflict, ExecutionNotFound, StaleEpoch
from services.tools.executions.driver import Driver
from services.tools.executions.live import Beginning, LiveExecution
from services.tools.ports import ExecutionStore, Lease

_ELSEWHERE_POLL_S = 0.2
# What became of a queryable effect may be asked after its deadline too.
_LAST_LOOK_S = 5.0

_VERDICTS = {
    Adoption.CANCEL: Outcome.CANCELLED,
    Adoption.EXPIRE: Outcome.TIMED_OUT,
    Adoption.GIVE_UP: Outcome.UNKNOWN,
}


class Executor:
    """Executes, cancels and tells of executions. `output_chars` bounds what each shows live."""

    def __init__(
        self,
        store: ExecutionStore,
        registry: ToolRegistry,
        driver: Driver,
        supervisor: Supervisor,
        lease: Lease,
        output_chars: int,
    ) -> None:
        self._store = store
        self._registry = registry
        self._driver = driver
        self._supervisor = supervisor
        self._lease = lease
        self._output_chars = output_chars
        self._live: dict[str, LiveExecution] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._draining = False

    async def execute(self, call: Call) -> AsyncIterator[str | StoredResult]:
        """Starts the call's execution or attaches to it: its output from the start, then its result.

        Raises StaleEpoch, ExecutionConflict; Unavailable where the execution leaves this process.
        """
        while True:
            found = await self._find(call)
            if isinstance(found, LiveExecution):
                async for shown in found.watch(call.epoch):
                    yield shown
                yield await found.settled()
                return
            if found is not None and found.result is not None:
                if found.output:
                    yield found.output
                yield found.result
                return
            await asyncio.sleep(_ELSEWHERE_POLL_S)

    async def cancel(self, key: str, epoch: int) -> StoredResult:
        """Ends an execution, and returns its result when nothing of it runs any more. Raises StaleEpoch."""
        while True:
            async with self._lock(key):
                live = await self._cancellable(key, epoch)
            if isinstance(live, StoredResult):
                return live
            if live is not None:
                live.stop(Outcome.CANCELLED)
                return await live.settled()
            await asyncio.sleep(_ELSEWHERE_POLL_S)

    async def get(self, key: str) -> Row:
        """What is stored of a key. Raises ExecutionNotFound."""
        row = await self._store.get(key)
        if row is None:
            raise ExecutionNotFound(key)
        return row

    # -- starting and attaching

    async def _find(self, call: Call) -> LiveExecution | Row | None:
        """The execution here, or its finished row; None while another process has it."""
        async with self._lock(call.key):
            live = self._live.get(call.key)
            if live is None or call.epoch > live.epoch:
                self._refuse_when_draining()
                row = await self._store.begin(call, self._lease)
                if row is None:
                    return self._start(call, Beginning(call.timeout_s))
                _admit(row, call)
                if row.result is not None:
                    return row
                live = self._live.get(call.key)
                if live is None:
                    return await self._adopt(row, call)
            live.admit(call)
            return live

    async def _adopt(self, row: Row, call: Call) -> LiveExecution | Row | None:
        function = self._registry.demand(call.function_name)
        decision = adoption(row, self._lease.owner, function.info.tool_class)
        if decision is Adoption.LEAVE or not await self._store.claim(row, self._lease):
            return None
        if decision is Adoption.RESUME:
            remaining_s = max(row.remaining_s, _LAST_LOOK_S)
            return self._start(call, Beginning(remaining_s, row.elapsed_s, True, row.note))
        await self._end(row, _VERDICTS[decision])
        return await self._store.get(row.key)

    def _start(self, call: Call, beginning: Beginning) -> LiveExecution:
        function = self._registry.demand(call.function_name)
        live = LiveExecution(call, function, beginning, self._store, self._lease, self._output_chars)
        self._live[call.key] = live

        task = self._supervisor.start_once("execution", lambda: self._driver.drive(live))
        self._tasks[call.key] = task
        task.add_done_callback(lambda _: self._forget(live))
        return live

    def _forget(self, live: LiveExecution) -> None:
        del self._live[live.call.key], self._tasks[live.call.key]
        if live.result is None:
            live.lose()

    def _lock(self, key: str) -> asyncio.Lock:
        return self._locks.setdefault(key, asyncio.Lock())

    def _refuse_when_draining(self) -> None:
        if self._draining:
            raise Unavailable("This process is ending", retry_after_s=0.1)

    # -- ending

    async def _cancellable(self, key: str, epoch: int) -> LiveExecution | StoredResult | None:
        live = self._live.get(key)
        if live is None or epoch > live.epoch:
            row = await self._store.begin_cancelled(key, epoch)
            if row.epoch > epoch:
                raise StaleEpoch(key, row.epoch)
            if row.result is not None:
                return row.result
            live = self._live.get(key)
            if live is None:
                return await self._cancel_row(row)
        live.admit_epoch(epoch)
        return live

    async def _cancel_row(self, row: Row) -> StoredResult | None:
        if row.owned and row.owner != self._lease.owner:
            await self._store.request_cancel(row.key)
            return None
        if not await self._store.claim(row, self._lease):
            return None
        return await self._end(row, Outcome.CANCELLED)

    async def _end(self, row: Row, verdict: Outcome) -> StoredResult | None:
        """Ends what a claimed row may still have running, and stores the verdict."""
        result = await self._driver.stop(self._registry.find(row.function_name), row.key, verdict)
        return await self._driver.settle(row.key, self._lease.owner, result, row.output)

    # -- what goes on beside the calls

    async def beat(self) -> None:
        """Renews the leases of what runs here; ends what was taken away, or asked to be cancelled elsewhere."""
        running = dict(self._live)
        if not running:
            return
        until = asyncio.get_running_loop().time() + self._lease.ttl_s
        owned = await self._store.renew(list(running), self._lease)
        for key, live in running.items():
            if key in owned:
                live.renewed(until)
                if owned[key]:
                    live.stop(Outcome.CANCELLED)
            elif live.scope is not None:
                # Not about to be finished here, so it was taken.
                live.lose()

    async def settle_overdue(self, grace_s: float, limit: int) -> int:
        """Settles rows past their deadline whose process is gone and that nobody asks for; how many."""
        rows = await self._store.claim_overdue(self._lease, grace_s, limit)
        for row in rows:
            async with self._lock(row.key):
                function = self._registry.find(row.function_name)
                pure = function is not None and function.info.tool_class is ToolClass.PURE
                await self._end(row, Outcome.TIMED_OUT if pure else Outcome.UNKNOWN)
        return len(rows)

    async def drain(self, patience_s: float) -> None:
        """Takes nothing new, lets short work end, and hands the rest over to whoever is asked next."""
        self._draining = True
        short = [self._tasks[key] for key, live in self._live.items() if not _outlives(live)]
        if short:
            await asyncio.wait(short, timeout=patience_s)
        left = list(self._tasks.values())
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        with suppress(StorageUnavailable):
            await self._store.release(self._lease.owner)


def _outlives(live: LiveExecution) -> bool:
    return live.function.info.tool_class is ToolClass.QUERYABLE


def _admit(row: Row, call: Call) -> None:
    if row.epoch > call.epoch:
        raise StaleEpoch(call.key, row.epoch)
    if row.request_hash not in (None, call.request_hash()):
        raise ExecutionConflict(call.key)
