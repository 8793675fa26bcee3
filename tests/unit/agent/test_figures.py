"""The figures of a process depend on what it does: a worker has no queue in sight, an API no runs in hand."""

from __future__ import annotations

from services.agent.domain.operations import BreakerState, ProcessState, WorkState
from services.agent.ports import Queue
from services.agent.use_cases.figures import figures_of

WORK = WorkState(3, "normal", 5, 200.0, 128, 100, 9, 2)


def _state(work: WorkState | None) -> ProcessState:
    breakers = (BreakerState("redis", "open"), BreakerState("threads", "closed"))
    return ProcessState("host:1", None, 0.5, 0.01, 4, 2.0, 250.0, 7, 1, breakers, work)


def test_a_worker_tells_its_runs_and_claims() -> None:
    told = {figure.name: figure.value for figure in figures_of(_state(WORK), None)}
    assert told == {
        "mesh.agent.writes.pending": 4,
        "mesh.agent.writes.p99": 0.25,
        "mesh.agent.breakers.open": 1,
        "mesh.agent.runs.in_flight": 3,
        "mesh.agent.runs.allowance": 5,
        "mesh.agent.runs.claimed": 9,
        "mesh.agent.claims.waited": 2,
        "mesh.agent.runs.unwritten": 1,
    }


def test_an_api_tells_the_queue_and_its_refusals() -> None:
    told = {figure.name: figure.value for figure in figures_of(_state(None), Queue(12, 3.5))}
    assert (told["mesh.agent.queue.length"], told["mesh.agent.queue.oldest"]) == (12, 3.5)
    assert told["mesh.agent.starts.refused"] == 7
    assert "mesh.agent.runs.in_flight" not in told
