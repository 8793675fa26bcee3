"""An execution that this process drives: what it has shown, who may watch it, and how it is ended.

Watchers read one shared buffer, each from its own place: a slow one holds nobody up, and a late one misses nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from services.tools.catalogue.tool import BoundFunction
from services.tools.domain.executions import Call, ExecutionLostError, StoredResult
from services.tools.domain.output import REPLACEMENT
from services.tools.domain.tools import Outcome
from services.tools.errors import ExecutionConflict, ExecutionMoved, StaleEpoch
from services.tools.ports import ExecutionStore, Lease


@dataclass(frozen=True, slots=True)
class Beginning:
    """In which state an execution is taken up; `note` and `elapsed_s` are of whoever began before, if `resumed`."""

    remaining_s: float
    elapsed_s: float = 0.0
    resumed: bool = False
    note: str | None = None


class LiveExecution:
    """One key, driven here. Implements `catalogue.tool.Running`. `output_chars` bounds what is shown live."""

    def __init__(
        self,
        call: Call,
        function: BoundFunction,
        beginning: Beginning,
        store: ExecutionStore,
        lease: Lease,
        output_chars: int,
    ) -> None:
        now = asyncio.get_running_loop().time()
        self.call = call
        self.function = function
        self.owner = lease.owner
        self.resumed = beginning.resumed
        self.note = beginning.note
        self.elapsed_s = beginning.elapsed_s
        self.epoch = call.epoch
        self.deadline = now + max(beginning.remaining_s, 0)
        self.verdict: Outcome | None = None
        self.lost = False
        self.result: StoredResult | None = None
        self.scope: asyncio.Timeout | None = None
        self._request_hash = call.request_hash()
        self._store = store
        self._room = output_chars
        self._cut = False
        self._shown: list[str] = []
        self._changed = asyncio.Event()
        self._owned_until = now + lease.ttl_s

    # -- as its function sees it

    def emit(self, text: str) -> None:
        if self._cut or not text:
            return
        shown = text[: self._room].replace("\0", REPLACEMENT)
        self._room -= len(shown)
        self._cut = len(shown) < len(text)
        self._shown.append(f"{shown}\n[... what follows is not shown live ...]\n" if self._cut else shown)
        self._notify()

    def ensure_owned(self) -> None:
        if self.lost or asyncio.get_running_loop().time() >= self._owned_until:
            raise ExecutionLostError

    async def remember(self, note: str) -> None:
        await self._store.remember(self.call.key, self.owner, note)

    # -- as its process sees it

    @property
    def output(self) -> str:
        """What was shown so far."""
        return "".join(self._shown)

    def renewed(self, until: float) -> None:
        """The lease holds at least until then, in the loop's time."""
        self._owned_until = until

    def stop(self, verdict: Outcome) -> None:
        """Ends the function under way with a verdict; one that has just ended keeps its own result."""
        self.verdict = self.verdict or verdict
        if self.scope is not None and not self.scope.expired():
            self.scope.reschedule(asyncio.get_running_loop().time())

    def finish(self, result: StoredResult) -> None:
        """The result is committed: tell it."""
        self.result = result
        self._notify()

    def lose(self) -> None:
        """Another process has it, or none: whoever watches is to ask again."""
        self.lost = True
        self.stop(Outcome.UNKNOWN)
        self._notify()

    # -- as callers see it

    def admit(self, call: Call) -> None:
        """Lets the same call in. ExecutionConflict, StaleEpoch."""
        self.admit_epoch(call.epoch)
        if call.request_hash() != self._request_hash:
            raise ExecutionConflict(call.key)

    def admit_epoch(self, epoch: int) -> None:
        """Turns older epochs away from now on, those that watch already too. StaleEpoch."""
        if epoch < self.epoch:
            raise StaleEpoch(self.call.key, self.epoch)
        if epoch > self.epoch:
            self.epoch = epoch
            self._notify()

    async def watch(self, epoch: int) -> AsyncIterator[str]:
        """All that is shown, from the start, until the result is committed. StaleEpoch, ExecutionMoved."""
        seen = 0
        while True:
            if epoch < self.epoch:
                raise StaleEpoch(self.call.key, self.epoch)
            if seen < len(self._shown):
                shown, seen = "".join(self._shown[seen:]), len(self._shown)
                yield shown
            elif self._over():
                return
            else:
                await self._changed.wait()

    async def settled(self) -> StoredResult:
        """The result, when it is committed. ExecutionMoved."""
        while not self._over():
            await self._changed.wait()
        assert self.result is not None
        return self.result

    def _over(self) -> bool:
        if self.result is None and self.lost:
            raise ExecutionMoved
        return self.result is not None

    def _notify(self) -> None:
        # Whoever waits holds the old event; who comes later waits for the next change.
        self._changed.set()
        self._changed = asyncio.Event()
