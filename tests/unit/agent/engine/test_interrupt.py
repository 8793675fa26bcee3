"""What ends a run from outside cuts its waits, and nothing else."""

from __future__ import annotations

import asyncio

import pytest

from services.agent.engine.interrupt import Interrupt, Interrupted, Reason

NEVER = 3600.0


def interrupt(seconds: float = NEVER) -> Interrupt:
    return Interrupt(asyncio.get_running_loop().time() + seconds)


async def waiting(cut: Interrupt, begun: asyncio.Event | None = None) -> None:
    async with cut.scope():
        if begun:
            begun.set()
        await asyncio.Event().wait()


async def test_a_wait_is_cut_by_what_was_triggered() -> None:
    cut, begun = interrupt(), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(reason_of(cut, begun))
        await begun.wait()
        cut.trigger("user")
    assert task.result() == "user"


async def reason_of(cut: Interrupt, begun: asyncio.Event) -> Reason:
    with pytest.raises(Interrupted) as caught:
        await waiting(cut, begun)
    return caught.value.reason


async def test_all_waits_of_a_run_are_cut() -> None:
    cut, begun = interrupt(), [asyncio.Event() for _ in range(3)]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(reason_of(cut, event)) for event in begun]
        for event in begun:
            await event.wait()
        cut.trigger("deleted")
    assert [task.result() for task in tasks] == ["deleted"] * 3


async def test_the_first_reason_counts() -> None:
    cut = interrupt()
    cut.trigger("deleted")
    cut.trigger("user")
    with pytest.raises(Interrupted) as caught:
        cut.check()
    assert caught.value.reason == "deleted"


async def test_a_wait_that_begins_after_the_trigger_is_cut_before_it_does_anything() -> None:
    cut = interrupt()
    cut.trigger("user")
    begun = asyncio.Event()
    assert await reason_of(cut, begun) == "user"
    assert not begun.is_set()


async def test_the_deadline_cuts_a_wait() -> None:
    assert await reason_of(interrupt(0.01), asyncio.Event()) == "deadline"


async def test_after_the_deadline_no_wait_begins() -> None:
    begun = asyncio.Event()
    assert await reason_of(interrupt(-1), begun) == "deadline"
    assert not begun.is_set()


async def test_a_timeout_of_what_is_waited_for_is_not_the_runs() -> None:
    cut = interrupt()
    with pytest.raises(TimeoutError):
        async with cut.scope():
            raise TimeoutError
    cut.check()


async def test_a_wait_that_ended_is_not_cut_any_more() -> None:
    cut = interrupt()
    async with cut.scope():
        pass
    cut.trigger("user")
    await asyncio.sleep(0)


async def test_being_cancelled_stays_being_cancelled() -> None:
    cut, begun = interrupt(), asyncio.Event()
    task = asyncio.ensure_future(waiting(cut, begun))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert cut.reason is None


async def test_a_worker_that_leaves_gives_a_run_back_between_steps_alone() -> None:
    cut = interrupt()
    cut.leaving = True
    cut.check()
    async with cut.scope():
        pass
    with pytest.raises(Interrupted) as caught:
        cut.boundary()
    assert caught.value.reason == "drain"


async def test_a_stop_is_more_than_a_worker_that_leaves() -> None:
    cut = interrupt()
    cut.leaving = True
    cut.trigger("user")
    with pytest.raises(Interrupted) as caught:
        cut.boundary()
    assert caught.value.reason == "user"
