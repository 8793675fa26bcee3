"""A run of the suite that falls short of what is asked of it is told so."""

from __future__ import annotations

import pytest

from tests.chaos import report
from tests.chaos.campaign import Round
from tests.chaos.checker import Figures
from tests.chaos.findings import Violation
from tests.chaos.gates import OUTAGE, Asked, gates
from tests.chaos.scenario import ROLLING, Log


def played(log: Log, figures: Figures | None = None) -> list[Round]:
    """One round."""
    return [Round(1, figures or Figures(), log, 1.0)]


def failed(asked: Asked, rounds: list[Round]) -> list[str]:
    """What came of each gate that is not met."""
    return [gate.met for gate in gates(asked, rounds) if not gate.is_met]


def log(**done: int) -> Log:
    """So many faults by kind."""
    return log_of({kind.replace("_", " "): number for kind, number in done.items()})


def log_of(done: dict[str, int]) -> Log:
    """So many faults by kind, all at one place."""
    made = Log()
    for kind, number in done.items():
        made.done[kind, "somewhere"] = number
    return made


def test_a_violation_is_not_met() -> None:
    assert failed(Asked(), played(Log(), Figures(violations=[Violation("I1", "", "")]))) == ["1"]


def test_a_kind_that_was_never_injected_is_named() -> None:
    asked = Asked(kinds={"wire cut", "process killed"})
    assert failed(asked, played(log(wire_cut=3))) == ["1 of 2; never: process killed"]
    assert not failed(asked, played(log(wire_cut=3, process_killed=1)))


def test_a_whole_run_has_a_thousand_faults() -> None:
    assert failed(Asked(whole=True), played(log(wire_cut=999))) == ["999"]
    assert not failed(Asked(whole=True), played(log(wire_cut=1000)))


@pytest.mark.parametrize(("leases", "bound"), [("short", 2.0), ("as people have them", 7.0)])
def test_take_overs_are_held_to_the_leases_bound(leases: str, bound: float) -> None:
    asked = Asked(leases=leases)
    assert not failed(asked, played(Log(), Figures(takeovers=[bound] * 20)))
    assert failed(asked, played(Log(), Figures(takeovers=[bound + 0.01] * 20)))
    assert failed(asked, played(Log())) == ["none was timed"]


def test_hand_overs_of_the_rolling_restart_take_less_than_a_second() -> None:
    rolled = log_of({ROLLING: 10})
    assert not failed(Asked(), played(rolled, Figures(handovers=[0.1, 0.2])))
    assert failed(Asked(), played(rolled, Figures(handovers=[1.2, 1.2])))


def test_a_quick_run_is_asked_for_no_violation_alone() -> None:
    asked = Asked(kinds={"wire cut"}, quick=True)
    slow = Figures(handovers=[1.2, 1.2])
    assert not failed(asked, played(log_of({ROLLING: 10}), slow))
    assert failed(asked, played(Log(), Figures(violations=[Violation("I1", "", "")]))) == ["1"]


def test_an_outage_that_takes_a_run_from_who_lives_is_not_met() -> None:
    away = log_of({OUTAGE: 1})
    assert failed(Asked(), played(away)) == ["0 of 0 live runs"]
    away.outlived = 3
    assert not failed(Asked(), played(away))
    assert failed(Asked(), played(away, Figures(violations=[Violation("outage", "r", "")]))) == [
        "1",
        "1 of 3 live runs",
    ]


def test_a_kind_that_was_missed_every_time_is_in_the_table_with_its_place() -> None:
    told = log(wire_cut=2)
    told.missed["wire slow", "tools to sandbox"] = 2
    text = report.table("s", played(told), 1.0, list(gates(Asked(kinds={"wire cut", "wire slow"}), played(told))))
    assert "| wire slow | 0 |" in text
    assert "Tried and never felt: wire slow: tools to sandbox." in text
    assert "| every kind that can run here was injected | NO: 1 of 2; never: wire slow |" in text
