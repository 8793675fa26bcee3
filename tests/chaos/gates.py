"""What is asked of a run of the suite beside that nothing is violated: each with what came, and whether it will do."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import Final, NamedTuple

from tests.chaos.campaign import Round
from tests.chaos.scenario import ROLLING

FAULTS: Final = 1000
"""Of a whole run."""
OUTAGE: Final = "Postgres away for 20 s"
KILLS: Final = "kill -9"
_TAKEOVER_S: Final = {"short": 2.0, "as people have them": 7.0}
_HANDOVER_S: Final = 1.0


class Gate(NamedTuple):
    """`met` is what came of what was asked."""

    asked: str
    met: str
    is_met: bool


class Asked(NamedTuple):
    """What kind of run it was: all `kinds` that it could inject, whether of the `whole` suite or of a part; `leases`
    where it was one of calm kills, which are timed. A `quick` one is asked for no violation alone: it is part of the
    checks, which do not fail because a machine is slow."""

    kinds: Collection[str] = ()
    whole: bool = False
    leases: str = ""
    quick: bool = False


def gates(asked: Asked, rounds: Sequence[Round]) -> Iterator[Gate]:
    """Those that this run has."""
    violations = sum(len(chapter.figures.violations) for chapter in rounds)
    yield Gate("no violation", str(violations), not violations)
    if asked.quick:
        return
    injected = sum((chapter.log.injected for chapter in rounds), Counter[str]())
    never = sorted(set(asked.kinds) - set(injected))
    if asked.kinds:
        told = f"{len(asked.kinds) - len(never)} of {len(asked.kinds)}" + (
            f"; never: {', '.join(never)}" if never else ""
        )
        yield Gate("every kind that can run here was injected", told, not never)
    if asked.whole:
        yield Gate(f"at least {FAULTS:,} faults", f"{injected.total():,}", injected.total() >= FAULTS)
    if asked.leases:
        yield _takeover(asked.leases, rounds)
    if ROLLING in injected:
        yield _handover(rounds)
    if injected[OUTAGE]:
        yield _outage(rounds)


def _takeover(leases: str, rounds: Sequence[Round]) -> Gate:
    bound, waits = _TAKEOVER_S[leases], [wait for chapter in rounds for wait in chapter.figures.takeovers]
    asked = f"take-over after kill -9 within {bound:g} s at p95, leases {leases}"
    return _within(asked, waits, bound)


def _handover(rounds: Sequence[Round]) -> Gate:
    waits = [wait for chapter in rounds if ROLLING in chapter.log.injected for wait in chapter.figures.handovers]
    asked = f"hand-over of a live run in the rolling restart below {_HANDOVER_S:g} s at p95"
    return _within(asked, waits, _HANDOVER_S) if waits else Gate(asked, "not asked: no run was live", True)


def _within(asked: str, waits: Sequence[float], bound: float) -> Gate:
    if not waits:
        return Gate(asked, "none was timed", False)
    return Gate(asked, f"{p95(waits):.2f} s ({len(waits)})", p95(waits) <= bound)


def _outage(rounds: Sequence[Round]) -> Gate:
    """Of outages of any length: they have one rule."""
    robbed = sum(v.invariant == "outage" for chapter in rounds for v in chapter.figures.violations)
    live = sum(chapter.log.outlived for chapter in rounds)
    asked = "an outage of Postgres takes no run from an owner that lives through it"
    return Gate(asked, f"{robbed} of {live} live runs", live > 0 and not robbed)


def p95(waits: Sequence[float]) -> float:
    """Of at least one."""
    return statistics.quantiles(waits, n=20, method="inclusive")[-1] if len(waits) > 1 else waits[0]
