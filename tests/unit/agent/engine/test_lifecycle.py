"""Which runs are in a worker's hands."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import cast

from services.agent.engine.execution import Execution, Parts
from services.agent.engine.lifecycle import WorkerLifecycle
from services.agent.engine.ownership import RunOwnership
from tests.unit.agent.records import claim


def execution(epoch: int) -> Execution:
    """Of the one run, under this epoch."""
    mine = claim()
    return Execution(replace(mine, run=replace(mine.run, epoch=epoch)), cast(Parts, None), cast(RunOwnership, None))


async def test_the_end_of_an_earlier_execution_leaves_the_run_that_was_taken_again() -> None:
    runs, earlier, later = WorkerLifecycle(), execution(1), execution(2)
    task = asyncio.ensure_future(asyncio.sleep(0))
    runs.add(earlier, task)
    runs.add(later, task)
    runs.remove(earlier)
    assert list(runs) == [later]
    leaving = asyncio.ensure_future(runs.drain(60.0))
    await task
    assert (later.interrupt.leaving, leaving.done()) == (True, False)
    runs.remove(later)
    await leaving
    assert len(runs) == 0
