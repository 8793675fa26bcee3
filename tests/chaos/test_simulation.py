"""The protocol holds under every interleaving that is tried here, and the checker finds every planted bug."""

from __future__ import annotations

import pytest

from tests.chaos.sim.bugs import BUGS, Bug, hunt
from tests.chaos.sim.checks import violations
from tests.chaos.sim.world import DEADLY, Plot, play

TRIES = 400


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


def test_a_worker_that_takes_its_own_run_again_keeps_it() -> None:
    sleeper = Plot("[[say a]] [[wait 20s]] [[say b]]", times=4, fault="sleep", workers=("w1",))
    told = [play(f"own {number}", 0, sleeper) for number in range(20)]
    assert [(story.seed, violation) for story in told for violation in violations(story)] == []
    claims = {story.seed: sum(commit.what == "claim" for commit in story.tables.commits) for story in told}
    assert any(count > 1 for count in claims.values())
    assert [seed for seed, count in claims.items() if count > 1 + sleeper.times] == []


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name.replace(" ", "_"))
def test_a_planted_bug_is_found_and_named(bug: Bug) -> None:
    _, found = hunt(bug, TRIES)
    assert any(violation.startswith(bug.breaks) for violation in found), found
