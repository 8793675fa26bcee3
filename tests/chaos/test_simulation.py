"""The protocol holds under every interleaving that is tried here, and the checker finds every planted bug."""

from __future__ import annotations

from unittest.mock import patch

import pytest

from services.agent.engine.heartbeat import Heartbeat
from tests.chaos.sim.bugs import BUGS, Bug, hunt
from tests.chaos.sim.checks import violations
from tests.chaos.sim.world import DEADLY, OUTAGE, Plot, Story, play

TRIES = 400
SLEEPER = Plot("[[say a]] [[wait 20s]] [[say b]]", times=4, fault="sleep", workers=("w1",))


@pytest.mark.parametrize("shard", range(4))
def test_no_interleaving_violates_an_invariant(shard: int) -> None:
    for number in range(60):
        seed = f"shard {shard} {number}"
        assert violations(play(seed, faults=4)) == [], seed


def test_an_interleaving_is_played_again_by_its_seed() -> None:
    first, second = play("again", faults=4), play("again", faults=4)
    assert first.tables.commits == second.tables.commits
    assert first.deeds.effects == second.deeds.effects
    assert first.fate.happened == second.fate.happened


def test_a_run_that_loses_its_owner_five_times_in_vain_is_given_up_with_a_dead_letter() -> None:
    told = [play(f"deadly {number}", 0, DEADLY) for number in range(20)]
    assert [violation for story in told for violation in violations(story)] == []
    given_up = [story for story in told if story.tables.letters]
    assert len(given_up) > 5
    assert all(story.fate.happened["kill"] >= 5 for story in given_up)


def test_a_worker_that_slept_renews_its_run_before_it_steals_it() -> None:
    told = [play(f"own {number}", 0, SLEEPER) for number in range(20)]
    assert [(story.seed, violation) for story in told for violation in violations(story)] == []
    assert any(story.fate.happened["sleep"] for story in told)
    assert {_claims(story) for story in told} == {1}


def test_a_worker_that_takes_its_own_run_again_keeps_it() -> None:
    with patch.object(Heartbeat, "_is_young", lambda _: True):  # it steals at once, then
        told = [play(f"own {number}", 0, SLEEPER) for number in range(20)]
    assert [(story.seed, violation) for story in told for violation in violations(story)] == []
    assert any(_claims(story) > 1 for story in told)
    assert [story.seed for story in told if _claims(story) > 1 + SLEEPER.times] == []


def _claims(story: Story) -> int:
    return sum(commit.what == "claim" for commit in story.tables.commits)


def test_an_outage_takes_a_run_from_who_died_in_it_alone() -> None:
    told = [play(f"outage {number}", 0, OUTAGE) for number in range(40)]
    assert [(story.seed, violation) for story in told for violation in violations(story)] == []
    lived = [owner in story.lived for story in told for _, owner in story.owners.values()]
    assert lived.count(True) > 5
    assert lived.count(False) > 5


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name.replace(" ", "_"))
def test_a_planted_bug_is_found_and_named(bug: Bug) -> None:
    _, found = hunt(bug, TRIES)
    assert any(violation.startswith(bug.breaks) for violation in found), found
