"""Leases are kept from a thread of their own; what it learns reaches the worker's loop."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from uuid import UUID

from structlog.testing import capture_logs

from services.agent.domain.run import StopReason
from services.agent.engine.heartbeat import Heartbeat, HeartbeatSettings
from services.kit.errors import Unavailable
from services.kit.postgres import UnforeseenFailure
from services.kit.tasks import Supervisor

FAST = HeartbeatSettings(interval_s=0.02, ttl_s=0.2, stall_s=30.0)
RUN, OTHER = UUID(int=1), UUID(int=2)


class FakeLeases:
    """The table, as the heartbeat's thread sees it. `lost` runs are not renewed, `stops` were asked for."""

    def __init__(self) -> None:
        self.lost: set[UUID] = set()
        self.stops: dict[UUID, StopReason] = {}
        self.away = False
        self.refusal: Exception | None = None
        self.refused = 0
        self.beats: list[list[tuple[UUID, int]]] = []
        self.threads: set[int] = set()
        self.closed = False

    async def beat(
        self, runs: list[tuple[UUID, int]], ttl_s: float, timeout_s: float
    ) -> Mapping[UUID, StopReason | None]:
        self.threads.add(threading.get_ident())
        if self.away:
            raise Unavailable
        if self.refusal:
            self.refused += 1
            raise UnforeseenFailure from self.refusal
        self.beats.append(runs)
        return {run_id: self.stops.get(run_id) for run_id, _ in runs if run_id not in self.lost}

    def close(self) -> None:
        self.closed = True


class Worker:
    """A heartbeat that runs, and what it told."""

    def __init__(self, settings: HeartbeatSettings) -> None:
        self.leases = FakeLeases()
        self.lost: list[tuple[UUID, int]] = []
        self.stopped: list[tuple[UUID, StopReason]] = []
        self.heartbeat = Heartbeat(
            settings,
            lambda: self.leases,
            lambda run_id, epoch: self.lost.append((run_id, epoch)),
            lambda run_id, reason: self.stopped.append((run_id, reason)),
        )

    async def beaten(self, times: int = 2) -> None:
        """So many more good beats."""
        goal = len(self.leases.beats) + times
        await until(lambda: len(self.leases.beats) >= goal)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


@asynccontextmanager
async def working(settings: HeartbeatSettings = FAST, *, away: bool = False) -> AsyncIterator[Worker]:
    worker = Worker(settings)
    worker.leases.away = away
    async with Supervisor() as tasks:
        tasks.start("heartbeat", worker.heartbeat.run)
        yield worker
    await until(lambda: worker.leases.closed)


async def test_it_renews_what_was_added_until_it_is_removed_on_a_thread_of_its_own() -> None:
    async with working() as worker:
        worker.heartbeat.add(RUN, 3)
        await until(lambda: [(RUN, 3)] in worker.leases.beats)
        worker.heartbeat.remove(RUN, 3)
        await worker.beaten()
        assert worker.leases.beats[-1] == []
        assert threading.get_ident() not in worker.leases.threads
        assert worker.lost == []


async def test_a_run_that_is_not_returned_is_lost_and_the_others_are_not() -> None:
    async with working() as worker:
        worker.heartbeat.add(RUN, 3)
        worker.heartbeat.add(OTHER, 1)
        worker.leases.lost.add(RUN)
        await until(lambda: bool(worker.lost))
        assert set(worker.lost) == {(RUN, 3)}


async def test_a_beat_of_an_earlier_epoch_says_nothing_of_the_run_that_was_taken_again() -> None:
    worker = Worker(FAST)
    worker.heartbeat.add(RUN, 4)
    worker.heartbeat._learn({RUN: 3}, {})  # the answer to a beat that was under way meanwhile
    assert worker.lost == []


async def test_the_end_of_an_earlier_epoch_does_not_end_the_beats_of_the_run_that_was_taken_again() -> None:
    async with working() as worker:
        worker.heartbeat.add(RUN, 3)
        worker.heartbeat.add(RUN, 4)
        worker.heartbeat.remove(RUN, 3)
        await worker.beaten()
        assert worker.leases.beats[-1] == [(RUN, 4)]


async def test_a_stop_is_handed_on_with_its_reason() -> None:
    async with working() as worker:
        worker.heartbeat.add(RUN, 1)
        worker.leases.stops[RUN] = "deleted"
        await until(lambda: bool(worker.stopped))
        assert set(worker.stopped) == {(RUN, "deleted")}


async def test_a_loop_that_hangs_keeps_none_of_its_runs() -> None:
    async with working(HeartbeatSettings(0.02, 0.2, stall_s=0.1)) as worker:
        worker.heartbeat.add(RUN, 1)
        await worker.beaten()
        time.sleep(0.3)  # noqa: ASYNC251 -- this is the hanging
        before = len(worker.leases.beats)
        time.sleep(0.1)  # noqa: ASYNC251
        assert len(worker.leases.beats) == before
        await worker.beaten()  # it goes on when the loop does


async def test_who_has_just_begun_steals_from_nobody_until_others_had_the_time_to_renew() -> None:
    async with working() as worker:
        assert not worker.heartbeat.may_steal
        await worker.beaten(1)
        met = time.monotonic()
        assert not worker.heartbeat.may_steal
        await until(lambda: worker.heartbeat.may_steal)
        assert time.monotonic() - met > FAST.others_s - FAST.interval_s


async def test_who_begins_in_an_outage_waits_for_one_ttl_as_others_do() -> None:
    settings = HeartbeatSettings(0.02, 1.0, stall_s=30.0)
    async with working(settings, away=True) as worker:
        await asyncio.sleep(0.2)  # what is awaited here is that time passes
        assert not worker.heartbeat.may_steal
        back = time.monotonic()
        worker.leases.away = False
        await until(lambda: worker.heartbeat.may_steal)
        assert time.monotonic() - back > settings.ttl_s - 2 * settings.interval_s


async def test_who_slept_steals_from_nobody_when_it_wakes_as_it_saw_no_outage_meanwhile() -> None:
    async with working(HeartbeatSettings(0.02, 0.2, stall_s=0.05)) as worker:
        await until(lambda: worker.heartbeat.may_steal)
        time.sleep(0.4)  # noqa: ASYNC251 -- this is the sleeping
        assert not worker.heartbeat.may_steal
        await worker.beaten(1)
        assert not worker.heartbeat.may_steal
        await until(lambda: worker.heartbeat.may_steal)


async def test_a_heartbeat_that_is_started_again_knows_what_it_knew() -> None:
    worker = Worker(HeartbeatSettings(0.02, 1.0, stall_s=30.0))
    async with Supervisor() as tasks:
        first = tasks.start("heartbeat", worker.heartbeat.run)
        await worker.beaten(1)
        await until(lambda: worker.heartbeat.may_steal)
        first.cancel()
        await until(lambda: worker.leases.closed)
        tasks.start("heartbeat", worker.heartbeat.run)
        await worker.beaten(1)
        assert worker.heartbeat.may_steal


async def test_after_an_outage_of_storage_nobody_is_stolen_from_for_one_ttl() -> None:
    async with working() as worker:
        await until(lambda: worker.heartbeat.may_steal)
        worker.leases.away = True
        await until(lambda: not worker.heartbeat.may_steal)
        back = time.monotonic()
        worker.leases.away = False
        await worker.beaten(1)
        await until(lambda: worker.heartbeat.may_steal)
        assert time.monotonic() - back > FAST.ttl_s / 2
        assert worker.lost == []


async def test_what_nobody_foresaw_is_an_outage_too_and_is_told_once() -> None:
    async with working() as worker:
        await worker.beaten()
        with capture_logs() as lines:
            worker.leases.refusal = LookupError("no such table")
            await until(lambda: worker.leases.refused >= 3)
            assert not worker.heartbeat.may_steal
            worker.leases.refusal = None
            await worker.beaten(1)
        assert [(line["event"], line["cause"]) for line in lines] == [("heartbeat.refused", "LookupError")]
        assert len(worker.leases.threads) == 1


async def test_nothing_new_begins_while_the_last_good_beat_is_old() -> None:
    async with working() as worker:
        await worker.beaten()
        await worker.heartbeat.fresh()
        worker.leases.away = True
        await asyncio.sleep(FAST.ttl_s)  # what is awaited here is that time passes
        waiting = asyncio.ensure_future(worker.heartbeat.fresh())
        also = asyncio.ensure_future(worker.heartbeat.fresh())
        await asyncio.sleep(0.05)
        assert not waiting.done()
        worker.leases.away = False
        async with asyncio.timeout(5):
            await asyncio.gather(waiting, also)
