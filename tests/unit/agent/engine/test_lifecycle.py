"""A worker that leaves waits for what may still end, and for nothing longer than it can."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import cast

import pytest

from services.agent.domain.run import Claim
from services.agent.engine import lifecycle
from services.agent.engine.execution import Execution
from services.agent.engine.interrupt import Interrupt
from services.agent.engine.lifecycle import WorkerLifecycle
from tests.unit.agent.records import claim


class FakeExecution:
    """What a lifecycle knows of a run."""

    def __init__(self) -> None:
        self.claim: Claim = claim()
        self.interrupt = Interrupt(asyncio.get_running_loop().time() + 60)

    async def until_interrupted(self) -> None:
        while self.interrupt.reason is None:
            await asyncio.sleep(0.001)


def begin(runs: WorkerLifecycle, work: Callable[[FakeExecution], Awaitable[None]]) -> asyncio.Task[None]:
    fake = FakeExecution()
    execution = cast(Execution, fake)

    async def run() -> None:
        await work(fake)

    task = asyncio.ensure_future(run())
    runs.add(execution, task)
    task.add_done_callback(lambda _: runs.remove(execution))
    return task


async def for_ever(_: FakeExecution) -> None:
    """As a run that waits for Postgres, and sees no interrupt."""
    await asyncio.Event().wait()


async def test_a_run_that_waits_for_storage_is_left_behind_when_the_grace_and_a_moment_are_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lifecycle, "CUT_S", 0.05)
    runs = WorkerLifecycle()
    task = begin(runs, for_ever)
    async with asyncio.timeout(5):
        await runs.drain(0.01)
    assert task.cancelled()
    assert len(runs) == 0


async def test_a_run_that_is_cut_has_the_time_to_give_itself_back() -> None:
    runs = WorkerLifecycle()
    task = begin(runs, FakeExecution.until_interrupted)
    await runs.drain(0.01)
    assert task.done()
    assert not task.cancelled()


async def test_a_claim_under_way_is_waited_for_and_its_run_goes_back_at_once() -> None:
    runs = WorkerLifecycle()
    await runs.claiming.acquire()
    draining = asyncio.ensure_future(runs.drain(30))
    while not runs.leaving:
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not draining.done()
    task = begin(runs, FakeExecution.until_interrupted)
    runs.claiming.release()
    async with asyncio.timeout(5):
        await draining
    assert task.done()
