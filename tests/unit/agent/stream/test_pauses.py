"""How long Redis is left alone between attempts to reach it."""

from __future__ import annotations

import random

import pytest

from services.agent.stream.pauses import Pauses


def test_pauses_double_up_to_half_a_second_and_begin_anew_once_it_was_reached() -> None:
    pauses = Pauses(lambda _least, most: most)
    assert [pauses.take() for _ in range(7)] == pytest.approx([0.02, 0.04, 0.08, 0.16, 0.32, 0.5, 0.5])
    pauses.reset()
    assert pauses.take() == 0.02


def test_those_who_lost_redis_together_come_back_apart() -> None:
    random_of_each = [random.Random(seed) for seed in range(20)]
    pauses = [Pauses(each.uniform).take() for each in random_of_each]
    assert all(0.01 <= pause <= 0.02 for pause in pauses)
    assert len(set(pauses)) == 20
