"""What fake tools really did, call by call. A call is known by the mark in its arguments, whatever key it came with:
each call of a round has its own, so that what is done again under another key shows."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from tests.chaos.findings import Violation

Effect = dict[str, Any]
START: Final = "start"
"""Not an effect, but the beginning of a queryable one, as it was asked for; looking for it again is none."""


class Doings:
    """The effects of a round's runs."""

    def __init__(self, effects: Iterable[Effect]) -> None:
        self._done: defaultdict[tuple[str, str, str], list[Effect]] = defaultdict(list)
        self._first: dict[str, Effect] = {}
        self.counts: Counter[str] = Counter()
        """Effects by class of tool."""
        for effect in effects:
            self._done[effect["key"].partition(":")[0], effect["kind"], effect["mark"]].append(effect)
            self._first.setdefault(effect["key"], effect)
            if effect["kind"] != START:
                self.counts[effect["kind"]] += 1

    def __contains__(self, key: str) -> bool:
        return key in self._first

    def repeated(self) -> Iterator[tuple[Violation, int]]:
        """I4: what was done too often, and how often. A queryable effect is begun once, and found by its key after."""
        for (run_id, kind, mark), done in self._done.items():
            if (more := _distinct(kind, done) - 1) > 0:
                yield Violation("I4", run_id, f"{kind} of the call {mark}, {more + 1} times: {done}"), more

    def early(self, begun: Mapping[str, float], clocks_differ_s: float) -> Iterator[Violation]:
        """I6: what was done before its INTENT, or without one. `begun`: when it was committed, by key."""
        for key, first in self._first.items():
            intended = begun.get(key)
            if intended is None or first["at"] < intended - clocks_differ_s:
                run_id = key.partition(":")[0]
                yield Violation("I6", run_id, f"effect of {key} at {first['at']}, its INTENT at {intended}")


def _distinct(kind: str, done: list[Effect]) -> int:
    if kind == "pure":
        return 1
    return len({effect["made"] for effect in done}) if kind == "idempotent" else len(done)
