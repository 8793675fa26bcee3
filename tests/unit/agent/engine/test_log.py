"""A write that broke off, and had happened after all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from unittest.mock import AsyncMock, MagicMock

import pytest

from services.agent.domain.events import ToolStarted
from services.agent.domain.journal import Journal
from services.agent.engine.log import RunLog
from services.agent.errors import Fenced, StopRequested
from services.agent.ports import Stamped
from services.kit.postgres import StorageUnavailable, UniqueViolation
from tests.unit.agent.records import call, claim

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
