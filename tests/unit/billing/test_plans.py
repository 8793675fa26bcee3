"""What a plan allows, and which grant it owes when."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.agent.storage.postgres.runs import MOST_COUNTED
from services.billing.domain.accounts import Account, Balance, grant_due
from services.billing.domain.history import DESCRIPTIONS, ENTRY_TYPES
from services.billing.domain.money import MICRO
from services.billing.domain.plans import FREE, LOCAL, PLANS, UNLIMITED, Plan

BORN = datetime(2026, 3, 1, 12, tzinfo=UTC)
WEEK = timedelta(hours=168)
FREE_ACCOUNT = Account("a", "a", "free", BORN, BORN)
LOCAL_ACCOUNT = Account("a", "a", "local", BORN, BORN)


def test_every_plan_is_listed_under_its_key() -> None:
    assert {key: plan.key for key, plan in PLANS.items()} == {"local": "local", "free": "free"}


@pytest.mark.parametrize("plan", PLANS.values())
def test_the_agent_counts_as_many_runs_as_any_plan_limits(plan: Plan) -> None:
    assert plan.limits.concurrent_runs < MOST_COUNTED or plan.limits.concurrent_runs == UNLIMITED


@pytest.mark.parametrize(("running", "admitted"), [(0, True), (1, True), (2, False), (3, False)])
def test_the_free_plan_admits_two_runs_at_once(running: int, admitted: bool) -> None:
    assert FREE.admits("mock-ai", running) is admitted


def test_only_a_paid_plan_includes_the_paid_model() -> None:
    assert not FREE.includes("kortix/power")
    assert FREE.includes("kortix/basic")
    assert LOCAL.includes("kortix/power")


def test_a_new_free_account_is_owed_its_first_period() -> None:
    grant = grant_due(FREE_ACCOUNT, Balance(), FREE, BORN)
    assert grant is not None
    assert (grant.key, grant.microcredits) == ("plan:a:free-0", 300 * MICRO)
    assert grant.expires_at == grant.next_grant_at == BORN + WEEK


def test_a_clock_behind_the_accounts_birth_still_means_the_first_period() -> None:
    grant = grant_due(FREE_ACCOUNT, Balance(), FREE, BORN - timedelta(seconds=1))
    assert grant is not None
    assert grant.key == "plan:a:free-0"


@given(st.timedeltas(timedelta(0), timedelta(days=3000)))
def test_a_period_is_the_same_whoever_asks_and_ends_within_a_week(age: timedelta) -> None:
    grant = grant_due(FREE_ACCOUNT, Balance(), FREE, BORN + age)
    assert grant is not None
    assert grant.expires_at is not None
    assert timedelta(0) < grant.expires_at - (BORN + age) <= WEEK
    assert grant_due(FREE_ACCOUNT, Balance(), FREE, grant.expires_at - timedelta(microseconds=1)) == grant


def test_a_granted_period_is_owed_nothing_until_it_ends() -> None:
    granted = replace(FREE_ACCOUNT, next_grant_at=BORN + WEEK)
    assert grant_due(granted, Balance(), FREE, BORN + WEEK - timedelta(seconds=1)) is None
    assert grant_due(granted, Balance(), FREE, BORN + WEEK) is not None


def test_local_credits_are_owed_below_half_and_each_refill_has_its_own_key() -> None:
    assert LOCAL.refill is not None
    half = LOCAL.refill // 2
    first = grant_due(LOCAL_ACCOUNT, Balance(), LOCAL, BORN)
    later = grant_due(LOCAL_ACCOUNT, Balance(0, {"extra": half - 1}, LOCAL.refill), LOCAL, BORN)
    assert first is not None
    assert later is not None
    assert first.key != later.key
    assert first.source == later.source
    assert first.expires_at is None
    assert grant_due(LOCAL_ACCOUNT, Balance(0, {"extra": half}, LOCAL.refill), LOCAL, BORN) is None


def test_every_type_of_entry_has_a_name_to_show() -> None:
    assert set(DESCRIPTIONS) == set(ENTRY_TYPES)
