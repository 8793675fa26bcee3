"""What decides whether a worker takes more work."""

from __future__ import annotations

import pytest

from services.agent.engine.backpressure import LONG_WAIT_S, BackpressureController, Level, TokenBucket, Vitals
from tests.unit.kit.test_circuit_breaker import ManualClock

SLOTS, AT_ONCE = 8, 4


class Worker:
    """A controller whose vitals and clock a test sets."""

    def __init__(self, rate: float = 1000.0, burst: int = 1000) -> None:
        self.clock = ManualClock()
        self.vitals = Vitals(0.0, 0.0)
        bucket = TokenBucket(rate, burst, self.clock)
        self.controller = BackpressureController(SLOTS, bucket, lambda: self.vitals, AT_ONCE)


@pytest.mark.parametrize(
    ("in_flight", "allowed"), [(0, AT_ONCE), (3, AT_ONCE), (5, 3), (SLOTS, 0), (SLOTS + 1, 0)], ids=str
)
def test_a_worker_takes_what_it_has_slots_for(in_flight: int, allowed: int) -> None:
    assert Worker().controller.allowance(in_flight) == allowed


@pytest.mark.parametrize(
    ("vitals", "level", "allowed"),
    [
        (Vitals(0.2, 0.7), Level.NORMAL, AT_ONCE),
        (Vitals(0.3, 0.0), Level.ELEVATED, 1),
        (Vitals(0.0, 0.85), Level.ELEVATED, 1),
        (Vitals(1.5, 0.0), Level.CRITICAL, 0),
        (Vitals(0.0, 0.95), Level.CRITICAL, 0),
    ],
    ids=str,
)
def test_a_late_or_full_worker_leaves_runs_to_others(vitals: Vitals, level: Level, allowed: int) -> None:
    worker = Worker()
    worker.vitals = vitals
    assert worker.controller.level is level
    assert worker.controller.allowance(3) == allowed


@pytest.mark.parametrize(
    ("vitals", "allowed"),
    [
        (Vitals(0.3, 0.0, LONG_WAIT_S - 0.1), 1),
        (Vitals(0.3, 0.0, LONG_WAIT_S), AT_ONCE),
        (Vitals(0.0, 0.85, LONG_WAIT_S), 1),
        (Vitals(0.3, 0.85, LONG_WAIT_S), 1),
        (Vitals(1.5, 0.0, LONG_WAIT_S), 0),
        (Vitals(0.0, 0.95, LONG_WAIT_S), 0),
    ],
    ids=str,
)
def test_a_late_worker_does_not_hold_back_from_an_old_queue_and_a_full_one_does(vitals: Vitals, allowed: int) -> None:
    worker = Worker()
    worker.vitals = vitals
    assert worker.controller.allowance(3) == allowed


def test_with_nothing_in_flight_it_always_takes_one() -> None:
    worker = Worker()
    worker.vitals = Vitals(60.0, 1.0)
    assert worker.controller.allowance(0) == 1


def test_it_takes_up_no_more_than_its_rate_after_its_burst() -> None:
    worker = Worker(rate=2.0, burst=3)
    taken = worker.controller.allowance(1)
    worker.controller.claimed(taken)
    assert taken == 3
    assert worker.controller.allowance(1) == 0
    worker.clock.seconds += 1.0
    assert worker.controller.allowance(1) == 2
    worker.clock.seconds += 60.0
    assert worker.controller.allowance(1) == 3
