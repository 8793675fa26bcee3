"""Pauses between tries."""

from __future__ import annotations

import random

import pytest

from services.kit.pauses import Pauses


def test_pauses_double_up_to_the_longest_and_begin_anew_once_it_went_well() -> None:
    pauses = Pauses(0.02, 0.5, lambda _least, most: most)
    assert [pauses.next() for _ in range(7)] == pytest.approx([0.02, 0.04, 0.08, 0.16, 0.32, 0.5, 0.5])
    pauses.reset()
    assert pauses.next() == 0.02


def test_who_began_to_wait_together_does_not_come_back_together() -> None:
    random_of_each = [random.Random(seed) for seed in range(20)]
    pauses = [Pauses(0.02, 0.5, each.uniform).next() for each in random_of_each]
    assert all(0.01 <= pause <= 0.02 for pause in pauses)
    assert len(set(pauses)) == 20
