"""A worker that takes a run which it executes already: an operator resumed it, or its lease ran out while it slept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, cast
from uuid import UUID

from services.agent.domain.journal import Journal
from services.agent.domain.run import Claim, StopReason
from services.agent.engine.backpressure import BackpressureController, TokenBucket, Vitals
from services.agent.engine.coordinator import StatelessCoordinator
from services.agent.engine.execution import Parts
from services.agent.engine.recovery import RunRecovery
from services.agent.ports import OwnershipStore
from services.kit.clock import SystemClock
from services.kit.tasks import Supervisor
from tests.unit.agent.engine.test_heartbeat import FAST, FakeLeases, until
from tests.unit.agent.records import RUN_ID, claim


class FakeStore:
    """The table: `claimable` is given out, one a claim; whoever loads a journal works until `release`."""

    def __init__(self) -> None:
        self.claimable: list[Claim] = []
        self.loading: list[asyncio.Task[Any]] = []
        self.cut: list[asyncio.Task[Any]] = []
        self.hold = True

    async def claim(self, owner: str, ttl_s: float, limit: int, steal: bool) -> list[Claim]:
        taken, self.claimable = self.claimable[:limit], self.claimable[limit:]
        return taken

    async def load(self, run_id: UUID) -> Journal:
        task = asyncio.current_task()
        assert task is not None
        self.loading.append(task)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cut.append(task)
            while self.hold:  # what it is cut out of takes its time
                await asyncio.sleep(0.005)
            raise
        raise AssertionError

    async def poisoned(self, limit: int, ttl_s: float) -> list[Any]:
        return []


class Silence:
    """Hints that never come, and what nobody reads."""

    def __getattr__(self, name: str) -> Any:
        return self

    def __call__(self, *_: object) -> None:
        """Nothing."""

    async def works(self) -> AsyncIterator[None]:
        await asyncio.Event().wait()
        yield

    async def stops(self) -> AsyncIterator[tuple[UUID, StopReason]]:
        await asyncio.Event().wait()
        yield RUN_ID, "user"


class Worker:
    """A coordinator with its table and its leases."""

    def __init__(self, tasks: Supervisor, slots: int = 8) -> None:
        self.store, self.leases = FakeStore(), FakeLeases()
        store, silence = cast(Any, self.store), cast(Any, Silence())
        names = Parts.__dataclass_fields__
        parts = Parts(**{name: store if name in ("ownership", "journal") else silence for name in names})
        bucket = TokenBucket(1000.0, 1000, SystemClock())
        self.coordinator = StatelessCoordinator(
            "w",
            parts,
            FAST,
            lambda: self.leases,
            RunRecovery(cast(OwnershipStore, store), cast(Any, None), 60.0, FAST.ttl_s),
            backpressure=BackpressureController(slots, bucket, lambda: Vitals(0.0, 0.0), 4),
            sweep_s=0.02,
            tasks=tasks,
        )
        self.coordinator.start(silence)

    async def takes(self, epoch: int) -> None:
        """The run, under this epoch, and works on it."""
        before = len(self.store.loading)
        self.store.claimable.append(of_epoch(epoch))
        await until(lambda: len(self.store.loading) > before)

    async def beaten(self, times: int = 2) -> list[tuple[UUID, int]]:
        """What so many more beats renewed, at last."""
        goal = len(self.leases.beats) + times
        await until(lambda: len(self.leases.beats) >= goal)
        return self.leases.beats[-1]


def of_epoch(epoch: int) -> Claim:
    made = claim()
    return replace(made, run=replace(made.run, epoch=epoch))


@asynccontextmanager
async def working(slots: int = 8) -> AsyncIterator[Worker]:
    async with Supervisor() as tasks:
        worker = Worker(tasks, slots)
        try:
            yield worker
        finally:
            worker.store.hold = False


async def test_a_run_that_is_taken_again_here_stays_this_workers_when_its_earlier_execution_ends() -> None:
    async with working() as worker:
        await worker.takes(2)
        await worker.takes(3)
        earlier, later = worker.store.loading
        await until(lambda: earlier in worker.store.cut)  # nobody else would tell it
        worker.store.hold = False
        await until(earlier.done)
        assert await worker.beaten() == [(RUN_ID, 3)]
        assert worker.coordinator.in_flight == 1
        assert not later.done()


async def test_a_stop_reaches_the_execution_that_owns_the_run() -> None:
    async with working() as worker:
        await worker.takes(2)
        await worker.takes(3)
        worker.store.hold = False
        await until(worker.store.loading[0].done)
        worker.leases.stops[RUN_ID] = "user"
        held = worker.coordinator._runs.find(RUN_ID)
        assert held is not None
        await until(lambda: held[0].interrupt.reason == "user")
        assert held[0].claim.epoch == 3


async def test_a_worker_that_leaves_waits_for_the_execution_that_owns_the_run() -> None:
    async with working() as worker:
        await worker.takes(2)
        await worker.takes(3)
        worker.store.hold = False
        earlier, later = worker.store.loading
        await until(earlier.done)
        leaving = asyncio.ensure_future(worker.coordinator.drain(60.0))
        await worker.beaten()
        assert not leaving.done()
        later.cancel()
        await leaving


async def test_a_place_is_kept_while_a_run_is_admitted_and_by_the_run_then() -> None:
    async with working(slots=1) as worker:
        coordinator = worker.coordinator
        with coordinator.room() as owner:
            assert owner == "w"
            with coordinator.room() as none_left:
                assert none_left is None
            mine = of_epoch(2)
            worker.store.claimable.append(replace(mine, run=replace(mine.run, run_id=UUID(int=5))))
            await worker.beaten(5)
            assert worker.store.claimable  # nor is anything claimed for it
            coordinator.adopt(mine.run, mine.spec, 60.0)
        with coordinator.room() as taken:
            assert taken is None
        assert coordinator.state.claimed == 1
        await until(lambda: bool(worker.store.loading))
        worker.store.hold = False
        worker.store.loading[0].cancel()
        await until(lambda: not worker.store.claimable)


async def test_a_worker_that_leaves_has_no_room() -> None:
    async with working() as worker:
        await worker.beaten()
        await worker.coordinator.drain(0.0)
        with worker.coordinator.room() as owner:
            assert owner is None


async def test_a_claim_that_is_older_than_what_is_executed_begins_nothing() -> None:
    """Its process slept between the commit that admitted the run and the adoption, and then took it over."""
    async with working() as worker:
        await worker.takes(2)
        mine = of_epoch(1)
        worker.coordinator.adopt(mine.run, mine.spec, 60.0)
        assert await worker.beaten() == [(RUN_ID, 2)]
        assert worker.store.cut == []
