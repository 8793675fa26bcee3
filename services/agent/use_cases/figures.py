"""What a process of the agent tells metrics systems: the same that it reports to operators."""

from __future__ import annotations

from collections.abc import Iterator

from services.agent.domain.operations import ProcessState, WorkState
from services.agent.ports import Queue
from services.kit.figures import Figure


def figures_of(state: ProcessState, queue: Queue | None) -> Iterator[Figure]:
    """`queue`: None where this process does not look at it."""
    yield Figure("mesh.agent.writes.pending", "{row}", state.buffered_rows)
    yield Figure("mesh.agent.writes.p99", "s", state.flush_p99_ms / 1000)
    yield Figure("mesh.agent.breakers.open", "{breaker}", sum(each.state != "closed" for each in state.breakers))
    if queue is not None:
        yield Figure("mesh.agent.queue.length", "{run}", queue.length)
        yield Figure("mesh.agent.queue.oldest", "s", queue.oldest_s)
        yield Figure("mesh.agent.starts.refused", "{run}", state.rejected, grows=True)
    if state.work is not None:
        yield from _of_worker(state.work)
        yield Figure("mesh.agent.runs.unwritten", "{run}", state.unwritten)


def _of_worker(work: WorkState) -> Iterator[Figure]:
    yield Figure("mesh.agent.runs.in_flight", "{run}", work.in_flight)
    yield Figure("mesh.agent.runs.allowance", "{run}", work.allowance)
    yield Figure("mesh.agent.runs.claimed", "{run}", work.claimed, grows=True)
    yield Figure("mesh.agent.claims.waited", "{time}", work.waited, grows=True)
