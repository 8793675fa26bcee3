"""Billing as in production, over its RPCs."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from mesh.billing.v1 import billing_pb2 as pb
from mesh.billing.v1 import billing_pb2_grpc as rpc

from services.billing.app import build
from services.billing.config import Settings
from services.kit.clock import SystemClock
from services.kit.errors import (
    AlreadyExists,
    Conflict,
    InvalidArgument,
    PaymentRequired,
    PermissionDenied,
    Unauthenticated,
)
from services.kit.postgres import open_database
from tests.support.harness import ACCOUNTS, ServiceHarness, make_settings

Harness = ServiceHarness[Settings]


@pytest.fixture
async def local(own_database_url: str, tmp_path: Path) -> AsyncIterator[Harness]:
    """In local mode, as `mesh up` runs it."""
    settings = make_settings(Settings, tmp_path, database_url=own_database_url, env_mode="local")
    async with ServiceHarness(settings, build) as harness:
        yield harness


@pytest.fixture
async def free(own_database_url: str, tmp_path: Path) -> AsyncIterator[Harness]:
    """With the plan `free` for everybody."""
    settings = make_settings(
        Settings, tmp_path, database_url=own_database_url, env_mode="local", mesh_default_plan="free"
    )
    async with ServiceHarness(settings, build) as harness:
        yield harness


def start_request(account: str, **given: Any) -> pb.AuthorizeRunRequest:
    deadline = Timestamp()
    deadline.FromDatetime(SystemClock().now() + timedelta(hours=1))
    ids = {"run_id": str(uuid.uuid4()), "thread_id": str(uuid.uuid4())}
    fields: dict[str, Any] = {"account_id": account, "model": "mock-ai", "deadline": deadline}
    return pb.AuthorizeRunRequest(**(fields | ids | given))


async def run_once(harness: Harness, account: str, *, completion: int = 100_000) -> pb.AuthorizeRunRequest:
    """A run of one step, from its start to its end."""
    agent = harness.stub(rpc.BillingInternalStub, "service:agent")
    start = start_request(account)
    authorized = await agent.AuthorizeRun(start)
    charge = pb.Charge(
        key=f"post:{start.run_id}:0",
        step_no=0,
        price_version=authorized.price.price_version,
        model="mock-ai",
        prompt_tokens=1000,
        completion_tokens=completion,
        estimated=True,
    )
    settle = pb.SettleRunRequest(
        account_id=account, run_id=start.run_id, thread_id=start.thread_id, charges=[charge], release=True
    )
    answer = await agent.SettleRun(settle)
    assert answer.posted[0].key == charge.key
    assert answer.held_microcredits == 0
    assert await agent.SettleRun(settle) == answer
    return start


async def test_a_run_is_held_posted_and_shown(free: Harness) -> None:
    account = ACCOUNTS["user"]
    start = await run_once(free, account)
    billing = free.stub(rpc.BillingStub, "user")
    usage = (await billing.ListCreditUsage(pb.ListCreditUsageRequest())).usage_records
    assert [(u.run_id, u.thread_id, u.model, u.completion_tokens, u.estimated, u.credits_used) for u in usage] == [
        (start.run_id, start.thread_id, "mock-ai", 100_000, True, 18.06)
    ]
    entries = (await billing.ListTransactions(pb.ListTransactionsRequest())).transactions
    assert [(e.type, e.amount, e.balance_after, e.run_id) for e in entries] == [
        ("usage", -18.06, 281.94, start.run_id),
        ("daily_grant", 300.0, 300.0, ""),
    ]
    assert not entries[1].HasField("run_id")
    state = await billing.GetAccountState(pb.GetAccountStateRequest())
    assert (state.credits.total, state.credits.daily, state.credits.can_run) == (281.94, 281.94, True)


async def test_the_free_plan_shows_its_weekly_credits_and_limits(free: Harness) -> None:
    state = await free.stub(rpc.BillingStub, "user").GetAccountState(pb.GetAccountStateRequest(skip_cache=True))
    refresh = state.credits.daily_refresh
    assert (refresh.daily_amount, refresh.refresh_interval_hours) == (300, 168)
    assert 168 * 3600 - 60 < refresh.seconds_until_refresh <= 168 * 3600
    assert (state.tier.name, state.subscription.tier_display_name, state.local_mode) == ("free", "Basic", False)
    limits = state.limits
    assert (limits.max_threads, limits.max_projects, limits.max_concurrent_runs) == (10, 20, 2)
    internal = free.stub(rpc.BillingInternalStub, "service:threads")
    request = pb.GetPlanLimitsRequest(account_id=ACCOUNTS["other"])
    assert (await internal.GetPlanLimits(request)).limits == limits


async def test_the_local_plan_shows_its_constants_though_it_is_metered(local: Harness) -> None:
    account = ACCOUNTS["user"]
    await run_once(local, account)
    billing = local.stub(rpc.BillingStub, "user")
    state = await billing.GetAccountState(pb.GetAccountStateRequest())
    shown = state.credits
    assert (shown.total, shown.daily, shown.monthly, shown.can_run) == (999_999, 200, 999_799, True)
    assert not shown.HasField("daily_refresh")
    subscription = state.subscription
    assert (subscription.tier_key, subscription.tier_display_name) == ("tier_25_200", "Local Development")
    assert (subscription.provider, state.local_mode) == ("local", True)
    assert {getattr(state.limits, field.name) for field in pb.PlanLimits.DESCRIPTOR.fields[1:]} == {99_999}
    entries = (await billing.ListTransactions(pb.ListTransactionsRequest())).transactions
    assert [(entry.type, entry.amount) for entry in entries] == [("usage", -18.06), ("tier_grant", 999_999)]


async def test_history_is_paged_by_offset_and_by_token(free: Harness) -> None:
    account = ACCOUNTS["user"]
    runs = [(await run_once(free, account, completion=100)).run_id for _ in range(5)][::-1]
    billing = free.stub(rpc.BillingStub, "user")
    first = await billing.ListCreditUsage(pb.ListCreditUsageRequest(limit=2))
    assert [record.run_id for record in first.usage_records] == runs[:2]
    assert first.pagination == pb.Pagination(total=5, limit=2, offset=0, has_more=True)
    by_token = await billing.ListCreditUsage(pb.ListCreditUsageRequest(limit=2, page_token=first.next_page_token))
    by_offset = await billing.ListCreditUsage(pb.ListCreditUsageRequest(limit=2, offset=2))
    assert [record.run_id for record in by_token.usage_records] == runs[2:4]
    assert by_offset.usage_records == by_token.usage_records
    last = await billing.ListCreditUsage(pb.ListCreditUsageRequest(limit=2, offset=4))
    assert (len(last.usage_records), last.pagination.has_more, last.next_page_token) == (1, False, "")
    beyond = await billing.ListCreditUsage(pb.ListCreditUsageRequest(offset=99))
    assert (len(beyond.usage_records), beyond.pagination.total) == (0, 5)

    paged = await billing.ListTransactions(pb.ListTransactionsRequest(limit=4, offset=2, type_filter="usage"))
    assert [entry.run_id for entry in paged.transactions] == runs[2:]
    everything = await billing.ListTransactions(pb.ListTransactionsRequest())
    balances = {entry.id: entry.balance_after for entry in everything.transactions}
    assert [entry.balance_after for entry in paged.transactions] == [balances[e.id] for e in paged.transactions]
    with pytest.raises(InvalidArgument):
        await billing.ListTransactions(pb.ListTransactionsRequest(page_token="forged"))


async def test_usage_of_one_thread_alone(free: Harness) -> None:
    starts = [await run_once(free, ACCOUNTS["user"], completion=1) for _ in range(2)]
    request = pb.ListCreditUsageRequest(thread_id=starts[0].thread_id)
    answer = await free.stub(rpc.BillingStub, "user").ListCreditUsage(request)
    assert [record.run_id for record in answer.usage_records] == [starts[0].run_id]
    assert answer.pagination.total == 1


async def test_nobody_sees_another_accounts_history(free: Harness) -> None:
    await run_once(free, ACCOUNTS["user"])
    other = free.stub(rpc.BillingStub, "other")
    assert (await other.ListCreditUsage(pb.ListCreditUsageRequest())).pagination.total == 0
    assert (await other.ListTransactions(pb.ListTransactionsRequest())).pagination.total == 0


async def test_an_account_is_made_on_first_sight_and_once(free: Harness) -> None:
    accounts = free.stub(rpc.AccountsStub, "user")
    listed = await accounts.ListAccounts(pb.ListAccountsRequest())
    assert listed.content_type == "application/json"
    (account,) = json.loads(listed.data)
    assert account["account_id"] == ACCOUNTS["user"]
    assert (account["personal_account"], account["account_role"]) == (True, "owner")
    for _ in range(2):
        made = await accounts.InitializeAccount(pb.InitializeAccountRequest())
        assert (made.success, made.account_id) == (True, ACCOUNTS["user"])
    entries = await free.stub(rpc.BillingStub, "user").ListTransactions(pb.ListTransactionsRequest())
    assert [entry.type for entry in entries.transactions] == ["daily_grant"]


async def test_roles_come_from_the_database_alone(free: Harness) -> None:
    async with open_database(free.settings) as database:
        for role in ("admin", "super_admin"):
            await database.execute("INSERT INTO user_roles VALUES ($1, $2, now())", ACCOUNTS[role], role)
    answers = {}
    for who in ("user", "admin", "super_admin"):
        answer = await free.stub(rpc.AccountsStub, who).GetUserRole(pb.GetUserRoleRequest())
        answers[who] = (answer.isAdmin, answer.role if answer.HasField("role") else None)
    assert answers == {"user": (False, None), "admin": (True, "admin"), "super_admin": (True, "super_admin")}
    gateway = free.stub(rpc.BillingInternalStub, "service:gateway")
    roles = [(await gateway.LookupRole(pb.LookupRoleRequest(user_id=ACCOUNTS[who]))).role for who in answers]
    assert roles == ["user", "admin", "super_admin"]


async def test_limits_travel_as_402_with_their_figures(free: Harness) -> None:
    agent = free.stub(rpc.BillingInternalStub, "service:agent")
    thread = str(uuid.uuid4())
    busy = start_request(ACCOUNTS["user"], running_count=2, running_thread_ids=[thread])
    with pytest.raises(PaymentRequired) as refused:
        await agent.AuthorizeRun(busy)
    assert refused.value.reason == "AGENT_RUN_LIMIT_EXCEEDED"
    assert refused.value.params == {"running_thread_ids": [thread], "running_count": 2, "limit": 2}
    with pytest.raises(PaymentRequired) as refused:
        await agent.AuthorizeRun(start_request(ACCOUNTS["user"], model="kortix/power"))
    assert (refused.value.reason, refused.value.params["tier_name"]) == ("MODEL_ACCESS_DENIED", "free")
    start = start_request(ACCOUNTS["user"])
    await agent.AuthorizeRun(start)
    with pytest.raises(PaymentRequired) as refused:
        await agent.ExtendHold(
            pb.ExtendHoldRequest(account_id=start.account_id, run_id=start.run_id, ordinal=1, microcredits=251_000_000)
        )
    assert (refused.value.reason, refused.value.params) == ("INSUFFICIENT_CREDITS", {"balance": 250, "required": 251})


async def test_prices_are_told_and_unknown_models_refused(local: Harness) -> None:
    agent = local.stub(rpc.BillingInternalStub, "service:agent")
    price = (await agent.GetPrice(pb.GetPriceRequest(model="kortix/haiku"))).price
    assert (price.price_version, price.input_microcredits_per_mtok) == ("kortix/haiku@1", 120_000_000)
    with pytest.raises(Conflict) as refused:
        await agent.GetPrice(pb.GetPriceRequest(model="acme/unknown"))
    assert (refused.value.reason, refused.value.params) == ("UNKNOWN_MODEL_PRICE", {"model": "acme/unknown"})


async def test_a_key_with_another_body_is_refused_over_the_wire(local: Harness) -> None:
    start = await run_once(local, ACCOUNTS["user"])
    agent = local.stub(rpc.BillingInternalStub, "service:agent")
    charge = pb.Charge(key=f"post:{start.run_id}:0", price_version="mock-ai@1", model="mock-ai", prompt_tokens=1)
    with pytest.raises(AlreadyExists) as refused:
        await agent.SettleRun(
            pb.SettleRunRequest(
                account_id=start.account_id, run_id=start.run_id, thread_id=start.thread_id, charges=[charge]
            )
        )
    assert (refused.value.reason, refused.value.domain) == ("IDEMPOTENCY_CONFLICT", "mesh.billing")


async def test_internal_rpcs_take_no_user_and_public_ones_no_stranger(local: Harness) -> None:
    for who in ("user", "service:tools"):
        with pytest.raises(PermissionDenied):
            await local.stub(rpc.BillingInternalStub, who).AuthorizeRun(start_request(ACCOUNTS["user"]))
    with pytest.raises(Unauthenticated):
        await local.stub(rpc.BillingStub, "anonymous").GetAccountState(pb.GetAccountStateRequest())
    agent = local.stub(rpc.BillingInternalStub, "service:agent")
    with pytest.raises(InvalidArgument):
        await agent.AuthorizeRun(start_request("not-a-uuid"))


async def test_production_offers_no_mock_model(own_database_url: str, tmp_path: Path) -> None:
    local = make_settings(Settings, tmp_path, database_url=own_database_url, env_mode="local")
    production = make_settings(Settings, tmp_path / "p", database_url=own_database_url, env_mode="production")
    async with open_database(local) as database:
        async with ServiceHarness(local, build):
            pass
        await database.execute("ALTER TABLE price_versions DISABLE TRIGGER USER")
        await database.execute("DELETE FROM price_versions")
    async with ServiceHarness(production, build) as harness:
        agent = harness.stub(rpc.BillingInternalStub, "service:agent")
        assert (await agent.GetPrice(pb.GetPriceRequest(model="openai/x"))).price.model == "openai/*"
        with pytest.raises(Conflict):
            await agent.GetPrice(pb.GetPriceRequest(model="mock-ai"))
