"""When versions are made: later, of many changes at once, and before somebody looks."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator

import pytest

from services.kit.clock import SystemClock
from services.kit.tasks import Supervisor
from services.sandbox.domain import Author, Cause
from services.sandbox.errors import RevertConflict
from services.sandbox.use_cases.keep_history import KeepHistory
from tests.integration.sandbox.histories import BOX, Story, told
from tests.integration.sandbox.world import MIB, public_directory

AGENT = Author.AGENT


@pytest.fixture
async def story() -> AsyncIterator[Story]:
    with public_directory() as root:
        async with told(root) as found:
            yield found


async def test_many_changes_become_one_version_and_readers_do_not_wait_for_the_pause(story: Story) -> None:
    async with Supervisor() as tasks:
        keeper = KeepHistory(story.history, tasks, SystemClock(), pause_s=3600)
        for name in ("a", "b", "c"):
            story.write(name, name)
            keeper.note(BOX, Cause(f"Write {name}", AGENT))
        assert await story.commits() == []
        await keeper.settle(BOX)
        (version,) = await story.history.versions(BOX, (), 10)
        assert version.message == "Write a and 2 more"
        story.write("d", "d")
        await keeper.settle(BOX)
        assert len(await story.commits()) == 1, "nothing was noted"


async def test_first_look_records_what_an_earlier_service_left(story: Story) -> None:
    story.write("left", "behind")
    async with Supervisor() as tasks:
        await KeepHistory(story.history, tasks, SystemClock(), pause_s=3600).settle(BOX)
    (version,) = await story.history.versions(BOX, (), 10)
    assert version.author_name == "Sandbox"


async def test_versions_are_made_by_themselves(story: Story) -> None:
    async with Supervisor() as tasks:
        keeper = KeepHistory(story.history, tasks, SystemClock(), pause_s=0)
        story.write("a", "x")
        keeper.note(BOX, Cause("Write a", AGENT))
        async with asyncio.timeout(30):
            while not await story.commits():
                await asyncio.sleep(0.01)


async def test_what_broke_off_in_the_middle_gets_its_version(story: Story) -> None:
    story.write("a/b", "old")
    first = await story.record()
    shutil.rmtree(story.workspace / "a")
    story.write("a", b"0" * (MIB + 1))
    async with Supervisor() as tasks:
        keeper = KeepHistory(story.history, tasks, SystemClock(), pause_s=3600)
        with pytest.raises(RevertConflict):
            await keeper.revert(BOX, first, [], Author.OWNER)
        story.write("c", "c")
        await keeper.settle(BOX)
    assert (await story.history.versions(BOX, (), 1))[0].message.startswith(f"Going back to {first[:7]} failed")
