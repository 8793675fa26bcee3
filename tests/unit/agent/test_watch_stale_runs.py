"""Runs that should have ended are told of by themselves."""

from __future__ import annotations

from typing import cast
from uuid import UUID

from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from services.agent.domain.operations import StaleRuns
from services.agent.operations_ports import OperationsStore
from services.agent.use_cases.watch_stale_runs import WatchStaleRuns

RUN = UUID(int=1)


class Store:
    """Finds what a test says."""

    def __init__(self) -> None:
        self.found = StaleRuns()

    async def stale(self) -> StaleRuns:
        return self.found


def counted(why: str) -> float | None:
    return REGISTRY.get_sample_value("mesh_runs_stale", {"why": why})


async def test_a_change_is_told_once_and_what_should_have_ended_is_a_warning() -> None:
    store = Store()
    watch = WatchStaleRuns(cast("OperationsStore", store))
    levels = []
    for found in (StaleRuns(), StaleRuns(0, 1, (RUN,)), StaleRuns(1, 0, (RUN,)), StaleRuns()):
        store.found = found
        with capture_logs() as lines:
            await watch.look()
            await watch.look()
        levels.append([(line["event"], line["log_level"], line["oldest"]) for line in lines])
        assert (counted("past_deadline"), counted("long_active")) == (found.past_deadline, found.long_active)
    told = [str(RUN)]
    assert levels == [
        [],
        [("runs.stale", "info", told)],
        [("runs.stale", "warning", told)],
        [("runs.stale", "info", [])],
    ]
