"""One regression test for each way in which a lock with a time to live, a sweep and a log in Redis are known to fail.

Most run in the simulation, where an hour is a moment; those that are not about ownership, recovery, log or stream have
their tests where they belong, and are found here by name.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from mesh.agent.v1 import events_pb2

from services.kit.errors import Unavailable
from tests.chaos.sim.checks import violations
from tests.chaos.sim.neighbours import SimThreads
from tests.chaos.sim.world import CALL, Plot, Story, play
from tests.support.mesh import CHECKOUT

PLAIN = Plot(f"[[say a]] {CALL} [[step]] [[say b]] {CALL} [[step]] [[say c]]")
ELSEWHERE = {
    5: ["tests/integration/agent/test_ownership.py::test_claimers_at_once_never_get_the_same_run"],
    7: [
        "tests/integration/agent/test_endings.py::test_a_run_that_kills_its_workers_is_ended_as_poison",
        "tests/contract/gateway/test_event_stream.py::test_a_failed_run_ends_with_status_error_and_its_code",
    ],
    8: ["tests/e2e/test_strict_streams.py::test_a_strict_client_finds_nothing_wrong_over_many_runs"],
    10: [
        "tests/integration/agent/test_overload.py::test_a_full_queue_refuses_starts_before_anything_is_held_and_loses_none",
        "tests/integration/agent/test_overload.py::test_a_crowd_past_the_bound_is_refused_or_ends_once_and_nothing_between",
        "tests/unit/agent/test_queue_gauge.py::test_starts_on_their_way_count_also_after_a_look_that_could_not_see_them",
        "tests/integration/billing/test_concurrency.py::test_of_64_holders_on_a_wallet_that_affords_11_exactly_11_succeed",
        "tests/e2e/test_postgres_away.py::test_postgres_is_away_for_twenty_seconds",
        "tests/unit/agent/engine/test_backpressure.py::test_a_late_or_full_worker_leaves_runs_to_others",
        "tests/unit/kit/test_circuit_breaker.py::test_five_failures_in_a_row_open_it_and_nothing_more_is_sent",
        "tests/unit/agent/llm/test_guarded.py::test_a_provider_that_is_down_is_not_asked_by_every_run",
        "tests/integration/agent/test_redis_hangs.py::test_a_redis_that_hangs_is_left_alone_and_asked_again_once_it_answers",
        "tests/integration/agent/stream/test_rate_limiter.py::test_10_limits_hold_when_redis_is_away",
        "tests/integration/agent/stream/test_rate_limiter.py::test_10_limits_hold_when_redis_is_wiped",
        "tests/integration/gateway/test_rate_limits.py::test_a_user_s_burst_is_let_through_and_no_more",
    ],
    11: [
        "tests/unit/billing/test_prices.py::test_a_step_is_within_half_a_microcredit_of_its_exact_price",
        "tests/integration/billing/test_gate_and_plans.py::test_calls_far_below_a_cent_are_debited_to_the_microcredit",
    ],
}


def stories(plot: Plot, faults: int = 4) -> list[Story]:
    """A few interleavings, each without a violation."""
    told = [play(f"weakness {number}", faults, plot) for number in range(25)]
    for story in told:
        assert violations(story) == [], story.seed
    return told


def only_run(story: Story) -> Any:
    """Its row."""
    (row,) = story.tables.runs.values()
    return row.run


def test_1_an_orphan_is_not_only_claimed_but_finished() -> None:
    orphans = [only_run(story) for story in stories(PLAIN) if story.fate.happened["kill"]]
    assert any(run.epoch > 1 for run in orphans)
    assert {run.status for run in orphans} == {"completed"}


def test_2_a_run_that_takes_longer_than_any_threshold_of_a_sweep_goes_on_to_its_own_end() -> None:
    story = play("long", 0, Plot(f"[[say a]] [[wait 1800s]] {CALL} [[step]] [[say b]]", patience_s=3600))
    assert violations(story) == []
    assert (only_run(story).status, only_run(story).epoch) == ("completed", 1)
    assert [commit.at > 1800 for commit in story.tables.commits if commit.what == "terminal"] == [True]


def test_3_a_run_of_an_hour_keeps_all_that_it_said() -> None:
    story = play("kept", 2, Plot("[[say a]] [[finish length]] [[step]] [[wait 1900s]] [[say b]]", patience_s=3600))
    assert violations(story) == []
    assert Counter(row.type for row in story.deeds.rows.values())["assistant"] == 2


def test_4_what_failed_once_is_delivered_after_the_run_has_ended() -> None:
    deliver, refused = SimThreads.deliver, Counter[bytes]()

    def fails_at_first(self: SimThreads, account_id: Any, payload: bytes) -> bool:
        refused[payload] += 1
        if refused[payload] < 3:
            raise Unavailable
        return deliver(self, account_id, payload)

    with patch.object(SimThreads, "deliver", fails_at_first):
        for story in stories(PLAIN, faults=2):
            assert all(row.delivered for row in story.tables.outbox)
    assert refused


def test_5_a_claim_that_is_refused_changes_nothing_of_a_live_run() -> None:
    for story in stories(PLAIN):
        claims = [commit for commit in story.tables.commits if commit.what == "claim"]
        assert [claim.epoch for claim in claims] == list(range(1, len(claims) + 1))


def test_6_a_resumed_run_is_the_same_run_and_goes_on_behind_its_last_step() -> None:
    for story in stories(PLAIN):
        results = Counter(commit.key for commit in story.tables.commits if commit.what == "result")
        assert results == {"1": 1, "1:0": 1, "2": 1, "2:0": 1, "3": 1}


def test_7_a_failed_run_is_told_as_failed_to_whoever_comes_early_or_late() -> None:
    for story in stories(Plot("[[say a]] [[fail 400]]")):
        for (view,) in zip(*story.views.values(), strict=True):
            assert view.events[-1].run_ended.status == "failed"


def test_8_a_viewer_who_comes_later_sees_what_the_first_one_saw() -> None:
    for story in stories(PLAIN):
        for views in story.views.values():
            stored = [[event.SerializeToString() for event in view.events if event.durable] for view in views]
            assert all(seen == stored[0] for seen in stored)


def test_9_a_tool_s_message_has_one_id_in_the_stream_and_in_the_thread() -> None:
    for story in stories(PLAIN):
        events = [events_pb2.RunEvent.FromString(row.payload) for rows in story.tables.events.values() for row in rows]
        told = {event.tool_completed.message_id for event in events if event.HasField("tool_completed")}
        assert told == {row.message_id for row in story.deeds.rows.values() if row.type == "tool"}
        assert len(told) == 2


@pytest.mark.parametrize("weakness", ELSEWHERE)
def test_a_weakness_has_its_tests_where_it_belongs(weakness: int) -> None:
    for node in ELSEWHERE[weakness]:
        path, _, name = node.partition("::")
        assert name.startswith("test_"), f"{node} names no test"
        assert f"def {name}(" in Path(CHECKOUT / path).read_text(), node
