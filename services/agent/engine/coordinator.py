"""Claims runs and supervises their execution: one per process that works.

The recovery sweep is the claim itself, made every second with jitter; hints only make it sooner. A run that fails here
by surprise is left to its lease, so that what kills it burns an attempt each time, and the fifth ends it as poison.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from typing import Protocol
from uuid import UUID

import structlog

from services.agent.codec.events import encode_event
from services.agent.codec.rows import encode_charges
from services.agent.domain.run import Claim, Run, RunSpec, StopReason
from services.agent.engine import endings
from services.agent.engine.backpressure import BackpressureController
from services.agent.engine.execution import Execution, Parts
from services.agent.engine.heartbeat import Heartbeat, HeartbeatSettings, Leases
from services.agent.ports import Fence, Owed, Stamped
from services.kit.errors import Unavailable
from services.kit.tasks import Supervisor

log = structlog.get_logger()


class Listening(Protocol):
    """Hints on their way in."""

    def works(self) -> AsyncIterator[None]:
        """A run may be claimable."""

    def stops(self) -> AsyncIterator[tuple[UUID, StopReason]]:
        """Runs that were asked to stop, and why."""


class StatelessCoordinator:
    """A worker. `owner` names it in the rows it owns."""

    def __init__(
        self,
        owner: str,
        parts: Parts,
        beats: HeartbeatSettings,
        open_leases: Callable[[], Leases],
        *,
        backpressure: BackpressureController,
        sweep_s: float,
        tasks: Supervisor,
    ) -> None:
        self.owner = owner
        self._parts = parts
        self._ttl_s = beats.ttl_s
        self.backpressure = backpressure
        self._sweep_s = sweep_s
        self._tasks = tasks
        self._heartbeat = Heartbeat(beats, open_leases, self._lost, self._stop)
        self._executions: dict[UUID, tuple[Execution, asyncio.Task[None]]] = {}
        self._wake = asyncio.Event()
        self._leaving = False
        self._empty = asyncio.Event()
        self._empty.set()

    @property
    def in_flight(self) -> int:
        """Runs that are executed now."""
        return len(self._executions)

    def start(self, listening: Listening) -> None:
        """Begins to work, in the background."""
        self._tasks.start("heartbeat", self._heartbeat.run)
        self._tasks.start("claim", self._claim_forever)
        self._tasks.start("bury", self._bury_forever)
        self._tasks.start("hints.work", lambda: self._hear_work(listening))
        self._tasks.start("hints.stop", lambda: self._hear_stops(listening))

    def adopt(self, run: Run, spec: RunSpec, seconds_left: float) -> None:
        """Executes a run that this process admitted and claimed in one statement."""
        self._begin(Claim(run, spec, stop_reason=None, attempt=1, seconds_left=seconds_left))

    async def drain(self, grace_s: float) -> None:
        """Claims nothing more; runs end, or are given back at the end of the grace at the latest."""
        self._leaving = True
        for execution, _ in self._executions.values():
            execution.interrupt.leaving = True
        try:
            async with asyncio.timeout(grace_s):
                await self._empty.wait()
        except TimeoutError:
            for execution, _ in list(self._executions.values()):
                execution.interrupt.trigger("drain")
            await self._empty.wait()

    async def _claim_forever(self) -> None:
        while not self._leaving:
            self._wake.clear()
            wanted = self.backpressure.allowance(len(self._executions))
            claims = await self._claim(wanted) if wanted > 0 else []
            self.backpressure.claimed(len(claims))
            for claim in claims:
                self._begin(claim)
            if len(claims) < wanted or wanted <= 0:
                await self._nap()

    async def _claim(self, wanted: int) -> list[Claim]:
        try:
            return await self._parts.ownership.claim(self.owner, self._ttl_s, wanted, self._heartbeat.may_steal)
        except Unavailable:
            return []

    async def _nap(self) -> None:
        pause = self._sweep_s * random.uniform(0.75, 1.0)  # noqa: S311 -- jitter, not a secret
        try:
            async with asyncio.timeout(pause):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _bury_forever(self) -> None:
        """Ends runs that nobody could execute."""
        while True:
            await asyncio.sleep(self._sweep_s * random.uniform(1.0, 2.0))  # noqa: S311 -- as above
            if not self._heartbeat.may_steal:
                continue
            for fence, thread_id in await self._parts.ownership.poisoned(16):
                await self._bury(fence, thread_id)

    async def _bury(self, fence: Fence, thread_id: UUID) -> None:
        at_ms = round(self._parts.now().timestamp() * 1000)
        event = encode_event(endings.terminal(endings.POISON), fence.epoch + 1, 1, at_ms, durable=True)
        owed = Owed("charges", encode_charges(fence.account_id, fence.run_id, thread_id, [], release=True))
        payload = event.SerializeToString()
        if await self._parts.ownership.end_poisoned(fence, endings.POISON, Stamped(1, payload), owed):
            log.error("run.poisoned", run_id=str(fence.run_id))
            await self._parts.announce(fence.run_id, fence.epoch + 1, payload)
            await self._parts.hints.work()

    def _begin(self, claim: Claim) -> None:
        execution = Execution(claim, self._parts, self._heartbeat)
        if self._leaving:  # claimed while the worker was told to leave
            execution.interrupt.trigger("drain")
        self._heartbeat.add(claim.run_id, claim.epoch)
        task = self._tasks.start_once(f"run {claim.run_id}", execution.run)
        self._executions[claim.run_id] = (execution, task)
        self._empty.clear()
        task.add_done_callback(lambda _: self._ended(claim))

    def _ended(self, claim: Claim) -> None:
        self._heartbeat.remove(claim.run_id)
        self._executions.pop(claim.run_id, None)
        self._wake.set()
        if not self._executions:
            self._empty.set()

    def _lost(self, run_id: UUID, epoch: int) -> None:
        """Somebody else owns it: whatever it does here is void."""
        held = self._executions.get(run_id)
        if held and held[0].claim.epoch == epoch and not held[0].finishing:
            log.warning("run.lost", run_id=str(run_id), epoch=epoch)
            held[1].cancel()

    def _stop(self, run_id: UUID, reason: StopReason) -> None:
        held = self._executions.get(run_id)
        if held:
            held[0].interrupt.trigger(reason)

    async def _hear_work(self, listening: Listening) -> None:
        async for _ in listening.works():
            self._wake.set()

    async def _hear_stops(self, listening: Listening) -> None:
        async for run_id, reason in listening.stops():
            self._stop(run_id, reason)
