"""A write that broke off: whether it had happened after all, and where its answer is kept meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast
from unittest.mock import AsyncMock, MagicMock
from uuid import UUID

import pytest

from services.agent.domain.events import ToolStarted
from services.agent.domain.journal import Journal
from services.agent.engine.log import RunLog
from services.agent.errors import Fenced, StopRequested
from services.agent.ports import Stamped
from services.kit.postgres import StorageUnavailable, UniqueViolation
from tests.unit.agent.records import call, claim, step

STARTED = ToolStarted("m", "c", "f", 0)


class Journalist:
    """A journal whose first answer is lost; `second` is what it says to the repetition."""

    def __init__(self, second: Exception, happened: bool) -> None:
        self._answers: list[Exception] = [StorageUnavailable(), second]
        self._happened = happened

    async def begin_calls(self, *_: object) -> int:
        raise self._answers.pop(0)

    async def recorded(self, *_: object) -> bool:
        return self._happened

    async def load(self, _: object) -> Journal:
        return Journal((), (), ())


def log_over(journal: Journalist) -> tuple[RunLog, MagicMock]:
    publisher = MagicMock()
    publisher.reserve = lambda events: [Stamped(n, b"") for n, _ in enumerate(events, start=1)]
    anything: Any = journal
    return RunLog(claim().run, anything, publisher, MagicMock(), AsyncMock(), False, AsyncMock()), publisher


def released(publisher: MagicMock) -> Sequence[bool]:
    return [told.kwargs["written"] for told in publisher.release.call_args_list]


REFUSALS = [UniqueViolation("events_pkey"), Fenced(), StopRequested("user")]


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: type(refusal).__name__)
async def test_what_had_happened_is_not_refused_whatever_came_since(refusal: Exception) -> None:
    """A stop that comes between the two would else have the call told to start a second time, as one that never did."""
    log, publisher = log_over(Journalist(refusal, happened=True))
    await log.begin_calls([call(1, 0)], [STARTED])
    assert released(publisher) == [True]


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: type(refusal).__name__)
async def test_what_had_not_happened_is_refused(refusal: Exception) -> None:
    log, publisher = log_over(Journalist(refusal, happened=False))
    with pytest.raises(type(refusal)):
        await log.begin_calls([call(1, 0)], [STARTED])
    assert released(publisher) == [False]


class Outage:
    """A journal that is away so many times."""

    def __init__(self, times: int) -> None:
        self._left = times

    async def finish_step(self, *_: object) -> int:
        if self._left:
            self._left -= 1
            raise StorageUnavailable
        return 1


class FakeWal:
    """A second copy whose Redis is away at first."""

    def __init__(self, away: int) -> None:
        self._away = away
        self.asked = 0
        self.kept: dict[str, bytes] = {}

    async def keep(self, _: UUID, key: str, payload: bytes) -> bool:
        self.asked += 1
        if self.asked <= self._away:
            return False
        self.kept[key] = payload
        return True

    async def drop(self, _: UUID) -> None:
        self.kept.clear()


@pytest.mark.parametrize(("outage", "redis_away", "asked"), [(1, 0, 1), (4, 0, 1), (4, 2, 3), (2, 5, 2), (0, 0, 0)])
async def test_an_answer_is_offered_for_a_second_copy_until_there_is_one(
    outage: int, redis_away: int, asked: int
) -> None:
    wal, journal = FakeWal(redis_away), cast(Any, Outage(outage))
    publisher = MagicMock()
    publisher.reserve = lambda _: []
    log = RunLog(claim().run, journal, publisher, MagicMock(), cast(Any, wal), False, AsyncMock())
    await log.finish_step(step(), [], [], [], [], None, ("key", lambda: b"paid"), last=False)
    assert (wal.asked, wal.kept) == (asked, {})  # what was kept is not needed any more
