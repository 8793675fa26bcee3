"""Claims runs and supervises their execution: one per process that works.

The recovery sweep is the claim itself, made every second with jitter; hints only make it sooner. A run that fails here
by surprise is left to its lease, so that what kills it burns an attempt each time, and the fifth ends it as poison.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Protocol
from uuid import UUID

import structlog

from services.agent.domain.operations import WorkState
from services.agent.domain.run import Claim, Run, RunSpec, StopReason
from services.agent.engine.backpressure import BackpressureController
from services.agent.engine.execution import Execution, Parts
from services.agent.engine.heartbeat import HeartbeatSettings, Leases
from services.agent.engine.lifecycle import WorkerLifecycle
from services.agent.engine.ownership import RunOwnership
from services.agent.engine.recovery import RunRecovery
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
        recovery: RunRecovery,
        *,
        backpressure: BackpressureController,
        sweep_s: float,
        tasks: Supervisor,
    ) -> None:
        self.owner = owner
        self.backpressure = backpressure
        self._parts = parts
        self._recovery = recovery
        self._sweep_s = sweep_s
        self._tasks = tasks
        self._ownership = RunOwnership(owner, parts.ownership, beats, open_leases, self._lost, self._stop)
        self._runs = WorkerLifecycle()
        self._wake = asyncio.Event()
        self._promised = 0
        """Places of runs that are being claimed or admitted in this moment."""

    @property
    def in_flight(self) -> int:
        """Runs that are executed now."""
        return len(self._runs)

    @property
    def state(self) -> WorkState:
        """As operators are shown it."""
        held, bucket = self.backpressure, self.backpressure.bucket
        return WorkState(
            in_flight=self.in_flight,
            level=str(held.level),
            allowance=held.would_allow(self.in_flight),
            claim_rate=bucket.rate,
            claim_burst=bucket.burst,
            claim_tokens=bucket.tokens,
            claimed=bucket.taken,
            waited=held.waited,
        )

    @property
    def unwritten(self) -> int:
        """Runs that hold an answer until Postgres is back."""
        return sum(execution.unwritten for execution in self._runs)

    @property
    def leaving(self) -> bool:
        """Whether it was told to."""
        return self._runs.leaving

    def start(self, listening: Listening) -> None:
        """Begins to work, in the background."""
        self._tasks.start("heartbeat", self._ownership.keep)
        self._tasks.start("claim", self._claim_forever)
        self._tasks.start("recovery", lambda: self._recovery.run(self._ownership.may_steal))
        self._tasks.start("hints.work", lambda: self._hear_work(listening))
        self._tasks.start("hints.stop", lambda: self._hear_stops(listening))

    @contextmanager
    def room(self) -> Iterator[str | None]:
        """Keeps a place for a run that is being admitted: who is to own it; None: there is none, let it be queued."""
        if self._runs.leaving or self._allowance() <= 0:
            yield None
            return
        with self._promise(1):
            yield self.owner

    def adopt(self, run: Run, spec: RunSpec, seconds_left: float) -> None:
        """Executes a run that this process admitted and claimed in one statement, within `room`."""
        self.backpressure.claimed(1)
        self._begin(Claim(run, spec, stop_reason=None, attempt=1, seconds_left=seconds_left))

    async def drain(self, grace_s: float) -> None:
        """Claims nothing more; runs end, or are given back at the end of the grace at the latest."""
        await self._runs.drain(grace_s)

    async def _claim_forever(self) -> None:
        while not self._runs.leaving:
            self._wake.clear()
            async with self._runs.claiming:
                wanted = self._allowance()
                with self._promise(wanted):
                    claims = await self._ownership.claim(wanted) if wanted > 0 else []
                self.backpressure.claimed(len(claims))
                for claim in claims:
                    self._begin(claim)
            if len(claims) < wanted or wanted <= 0:
                await self._nap()

    def _allowance(self) -> int:
        return self.backpressure.allowance(len(self._runs) + self._promised)

    @contextmanager
    def _promise(self, places: int) -> Iterator[None]:
        self._promised += places
        try:
            yield
        finally:
            self._promised -= places

    async def _nap(self) -> None:
        pause = self._sweep_s * random.uniform(0.75, 1.0)  # noqa: S311 -- jitter, not a secret
        try:
            async with asyncio.timeout(pause):
                await self._wake.wait()
        except TimeoutError:
            return

    def _begin(self, claim: Claim) -> None:
        """Executes it. A run that was taken again here (an operator resumed it, or another worker had it while this one
        slept) is executed under its highest epoch alone: whatever an earlier one still does is void."""
        held = self._runs.find(claim.run_id)
        if held and held[0].claim.epoch >= claim.epoch:
            return
        if held:
            log.warning("run.taken_again", run_id=str(claim.run_id), epoch=claim.epoch)
            held[1].cancel()
        execution = Execution(claim, self._parts, self._ownership)
        self._ownership.add(claim)
        task = self._tasks.start_once(f"run {claim.run_id}", execution.run)
        self._runs.add(execution, task)
        task.add_done_callback(lambda _: self._ended(execution))

    def _ended(self, execution: Execution) -> None:
        self._ownership.remove(execution.claim)
        self._runs.remove(execution)
        self._wake.set()

    def _lost(self, run_id: UUID, epoch: int) -> None:
        """Somebody else owns it: whatever it does here is void."""
        held = self._runs.find(run_id)
        if held and held[0].claim.epoch == epoch and not held[0].finishing:
            log.warning("run.lost", run_id=str(run_id), epoch=epoch)
            held[1].cancel()

    def _stop(self, run_id: UUID, reason: StopReason) -> None:
        held = self._runs.find(run_id)
        if held:
            held[0].interrupt.trigger(reason)

    async def _hear_work(self, listening: Listening) -> None:
        async for _ in listening.works():
            self._wake.set()

    async def _hear_stops(self, listening: Listening) -> None:
        async for run_id, reason in listening.stops():
            self._stop(run_id, reason)
