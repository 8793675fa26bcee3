"""Threads with several runs: in which order they were admitted and claimed, who was refused or interrupted; and which
endings a story can have. No story can fail: whatever its people do, their runs are completed or stopped by them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import permutations
from typing import Any
from uuid import UUID

from tests.chaos.clients import History
from tests.chaos.findings import Violation

Row = Mapping[str, Any]
_ACTIVE = ("running", "waiting")


class Turns:
    """`runs`: rows of agent.runs by id; `histories`: one each, and those of starts that were refused."""

    def __init__(self, runs: Mapping[str, Row], histories: Sequence[History]) -> None:
        self._runs = runs
        self._histories = {history.run_id: history for history in histories if history.run_id}
        self._refused = [history for history in histories if history.busy_with and not history.run_id]
        self._of_thread: defaultdict[str, list[History]] = defaultdict(list)
        for history in self._histories.values():
            if history.run_id in runs:
                self._of_thread[str(runs[history.run_id]["thread_id"])].append(history)

    def endings(self, dead: Collection[str]) -> Iterator[Violation]:
        """I8. `dead`: runs in the dead letter queue."""
        for run_id, run in self._runs.items():
            if run["status"] not in ("completed", "stopped", "failed"):
                yield Violation("I8", run_id, f"still {run['status']}")
            elif not self._may_end(run_id, run, dead):
                yield Violation("I8", run_id, f"no story ends {run['status']} ({run['end_reason']}): {run['error']}")

    def _may_end(self, run_id: str, run: Row, dead: Collection[str]) -> bool:
        match run["status"], run["end_reason"]:
            case "completed", "stop":
                return True
            case "stopped", "user":
                return self._histories[run_id].stop_asked
            case "stopped", "interrupted":
                later = [other for other in self._of_thread[str(run["thread_id"])] if other.on_conflict == "interrupt"]
                return any(self._runs[other.run_id]["turn"] > run["turn"] for other in later)
            case "failed", "poison":
                return run_id in dead
        return False

    def order(self) -> Iterator[Violation]:
        """I3: who had an answer before another asked has an earlier turn; whom another is refused for is known."""
        for thread_id, histories in self._of_thread.items():
            for first, second in permutations(histories, 2):
                turns = self._runs[first.run_id]["turn"], self._runs[second.run_id]["turn"]
                if first.answered_at < second.asked_at and turns[0] >= turns[1]:
                    yield Violation("I3", second.run_id, f"admitted after {first.run_id} in {thread_id}, turns {turns}")
        for history in self._refused:
            if history.busy_with not in self._runs:
                yield Violation("I3", history.busy_with, f"{history.key} was refused for it, and nobody knows it")

    def active(self, audit: Sequence[Row]) -> Iterator[Violation]:
        """I3, over the states of all runs in the order of commits: one is active, they begin in the order of their
        turns, and none that is to `reject` is admitted into a thread that is busy."""
        states: defaultdict[UUID, dict[UUID, str]] = defaultdict(dict)
        begun: dict[UUID, int] = {}
        for row in audit:
            run_id, thread_id, runs = row["run_id"], row["thread_id"], states[row["thread_id"]]
            if run_id not in runs:
                yield from self._admitted(run_id, [other for other, state in runs.items() if _unended(state)])
            if row["status"] in _ACTIVE and runs.get(run_id) not in _ACTIVE and row["turn"] is not None:
                if row["turn"] < begun.get(thread_id, 0):
                    yield Violation("I3", str(run_id), f"turn {row['turn']} begins behind turn {begun[thread_id]}")
                begun[thread_id] = max(row["turn"], begun.get(thread_id, 0))
            runs[run_id] = row["status"]
            if len(together := [other for other, state in runs.items() if state in _ACTIVE]) > 1:
                yield Violation("I3", str(run_id), f"active together: {together}")

    def _admitted(self, run_id: UUID, busy: list[UUID]) -> Iterator[Violation]:
        history = self._histories.get(str(run_id))
        if busy and history is not None and history.on_conflict == "reject":
            yield Violation("I3", str(run_id), f"it was to be refused, and is admitted beside {busy}")


def _unended(state: str) -> bool:
    return state in ("queued", *_ACTIVE)
