"""Pages by number stand on remembered keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from services.threads.domain import Project, Standing, Thread, ThreadKey, ThreadPage
from services.threads.errors import ProjectNotFound
from services.threads.use_cases.list_threads import ListThreads

ACCOUNT = "a"
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class StoppedClock:
    """Moves when told."""

    at: float = 0.0

    def monotonic(self) -> float:
        return self.at

    def now(self) -> datetime:
        return EPOCH


@dataclass
class ListOfThreads:
    """A store that has a list, newest first, and counts what is asked of it."""

    threads: list[Thread]
    walks: int = 0
    pages: list[ThreadKey | None] = field(default_factory=list)

    async def page(self, account_id: str, project_id: str | None, before: ThreadKey | None, size: int) -> ThreadPage:
        self.pages.append(before)
        rest = [t for t in self.threads if before is None or ThreadKey(t.created_at, t.thread_id) < before]
        last = rest[size - 1] if len(rest) > size else None
        key = ThreadKey(last.created_at, last.thread_id) if last else None
        return ThreadPage(tuple(rest[:size]), len(self.threads), key)

    async def page_starts(self, account_id: str, project_id: str | None, size: int, pages: int) -> Sequence[ThreadKey]:
        self.walks += 1
        last = [self.threads[n * size - 1] for n in range(1, pages + 1) if n * size <= len(self.threads)]
        return [ThreadKey(thread.created_at, thread.thread_id) for thread in last]

    async def standing_of_project(self, project_id: str) -> Standing | None:
        return {"mine": Standing(ACCOUNT, "mine", False), "shared": Standing("b", "shared", True)}.get(project_id)


def thread(number: int) -> Thread:
    at = EPOCH + timedelta(seconds=number)
    project = Project("p", ACCOUNT, "", "", False, None, at, at)
    return Thread(f"{number:04}", ACCOUNT, "{}", 0, at, at, project)


@pytest.fixture
def store() -> ListOfThreads:
    return ListOfThreads([thread(number) for number in range(10, 0, -1)])


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock()


@pytest.fixture
def listing(store: ListOfThreads, clock: StoppedClock) -> ListThreads:
    return ListThreads(store, clock)  # type: ignore[arg-type]


async def numbers(listing: ListThreads, page: int, size: int = 3) -> list[int]:
    return [int(found.thread_id) for found in (await listing.numbered(ACCOUNT, None, page, size)).threads]


async def test_turning_pages_never_walks(listing: ListThreads, store: ListOfThreads) -> None:
    seen = [await numbers(listing, page) for page in (1, 2, 3, 4)]
    assert seen == [[10, 9, 8], [7, 6, 5], [4, 3, 2], [1]]
    assert store.walks == 0


async def test_a_jump_walks_once(listing: ListThreads, store: ListOfThreads) -> None:
    assert await numbers(listing, 3) == [4, 3, 2]
    assert await numbers(listing, 2) == [7, 6, 5]
    assert store.walks == 1


async def test_behind_the_last_page_there_is_nothing(listing: ListThreads) -> None:
    page = await listing.numbered(ACCOUNT, None, 9, 3)
    assert (page.threads, page.total) == ((), 10)


async def test_a_full_last_page_has_an_empty_one_behind_it(listing: ListThreads) -> None:
    assert await numbers(listing, 2, size=5) == [5, 4, 3, 2, 1]
    assert await numbers(listing, 3, size=5) == []


async def test_what_is_remembered_is_forgotten_after_a_minute(
    listing: ListThreads, store: ListOfThreads, clock: StoppedClock
) -> None:
    await numbers(listing, 1)
    clock.at += 61
    await numbers(listing, 2)
    assert store.walks == 1


async def test_an_added_thread_repeats_nothing(listing: ListThreads, store: ListOfThreads) -> None:
    first = await numbers(listing, 1)
    store.threads.insert(0, thread(11))
    assert set(first).isdisjoint(await numbers(listing, 2))


@pytest.mark.parametrize("project", ["shared", "unknown"])
async def test_a_project_of_somebody_else_is_not_listed(listing: ListThreads, project: str) -> None:
    with pytest.raises(ProjectNotFound):
        await listing.numbered(ACCOUNT, project, 1, 3)
