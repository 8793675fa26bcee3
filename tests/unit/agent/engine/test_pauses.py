"""How long somebody waits before the next try."""

from __future__ import annotations

from services.agent.engine.pauses import Pauses


def test_pauses_double_up_to_the_longest() -> None:
    pauses = Pauses(0.1, 0.5, lambda _, most: most)
    assert [pauses.next() for _ in range(5)] == [0.1, 0.2, 0.4, 0.5, 0.5]


def test_each_is_shortened_by_half_of_it_at_the_most() -> None:
    pauses = Pauses(0.1, 2.0, lambda least, _: least)
    assert [pauses.next() for _ in range(3)] == [0.05, 0.1, 0.2]


def test_those_who_wait_together_do_not_come_back_together() -> None:
    firsts = [Pauses(2.0, 2.0).next() for _ in range(100)]
    assert all(1.0 <= pause <= 2.0 for pause in firsts)
    assert max(firsts) - min(firsts) > 0.5
