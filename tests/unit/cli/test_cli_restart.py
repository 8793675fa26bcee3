"""When a part is started again, and when that is given up."""

from __future__ import annotations

from services.cli.restart import Deaths, RestartPolicy

POLICY = RestartPolicy(first_pause=0.2, longest_pause=1.0, deaths=6, window=60.0)


def test_each_death_in_the_window_doubles_the_pause_up_to_the_longest() -> None:
    deaths = Deaths(POLICY)

    assert [deaths.record(now) for now in (0.0, 1.0, 2.0, 3.0, 4.0)] == [0.2, 0.4, 0.8, 1.0, 1.0]


def test_so_many_deaths_in_one_window_are_hopeless() -> None:
    deaths = Deaths(POLICY)
    pauses = [deaths.record(float(now)) for now in range(6)]

    assert pauses[-1] is None
    assert None not in pauses[:-1]


def test_deaths_outside_the_window_are_forgotten() -> None:
    deaths = Deaths(POLICY)
    for now in range(5):
        deaths.record(float(now))

    assert deaths.record(100.0) == 0.2
    assert deaths.recent == 1
