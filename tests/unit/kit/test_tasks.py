"""Background work that fails is started again; leaving ends it."""

from __future__ import annotations

import asyncio

import pytest

from services.kit import tasks
from services.kit.context import acting_for, current_caller
from services.kit.tasks import Supervisor


async def test_a_failing_job_is_started_again() -> None:
    attempts = 0
    third = asyncio.Event()

    async def job() -> None:
        nonlocal attempts
        attempts += 1
        if attempts < 3:
            raise RuntimeError
        third.set()

    async with Supervisor() as supervisor:
        supervisor.start("job", job)
        await asyncio.wait_for(third.wait(), 5)


async def test_leaving_cancels_and_waits() -> None:
    started, cleaned = asyncio.Event(), False

    async def job() -> None:
        nonlocal cleaned
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            cleaned = True

    async with Supervisor() as supervisor:
        supervisor.start("job", job)
        await started.wait()
    assert cleaned


async def test_a_cancellation_that_is_lost_is_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "_CANCELLED_AGAIN_S", 0.01)
    started, lost = asyncio.Event(), 0

    async def job() -> None:
        nonlocal lost
        started.set()
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                lost += 1
                if lost == 3:
                    raise

    async with asyncio.timeout(5), Supervisor() as supervisor:
        supervisor.start("job", job)
        await started.wait()
    assert lost == 3


async def test_a_job_that_returns_is_done() -> None:
    async def job() -> None:
        return

    async with Supervisor() as supervisor:
        await asyncio.wait_for(supervisor.start("job", job), 5)


async def test_a_failure_leaves_the_other_jobs_alone() -> None:
    failed, alive = asyncio.Event(), asyncio.Event()

    async def failing() -> None:
        failed.set()
        raise RuntimeError

    async def healthy() -> None:
        await failed.wait()
        alive.set()

    async with Supervisor() as supervisor:
        supervisor.start("healthy", healthy)
        await supervisor.start_once("failing", failing)
        await asyncio.wait_for(alive.wait(), 5)


async def test_a_job_does_not_inherit_the_caller_who_started_it() -> None:
    seen: list[str] = []

    async def job() -> None:
        seen.append(current_caller().account_id)

    async with Supervisor() as supervisor:
        with acting_for("somebody"):
            await supervisor.start_once("job", job)
    assert seen == [""]
