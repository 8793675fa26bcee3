"""The access matrix of billing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from google.protobuf.timestamp_pb2 import Timestamp
from mesh.billing.v1 import billing_pb2 as pb
from mesh.billing.v1 import billing_pb2_grpc as rpc

from services.billing.app import build
from services.billing.config import Settings
from services.billing.policy import POLICY
from services.kit.clock import SystemClock
from services.kit.ids import RandomIds
from tests.contract.access_matrix import Case, Kind, Things, cases, verdict
from tests.support.harness import ACCOUNTS, ServiceHarness, make_settings

OWNER = ACCOUNTS["user"]
THREAD = "55555555-5555-4555-8555-555555555555"

KINDS: dict[str, Kind] = {
    "Accounts.ListAccounts": "own",
    "Accounts.GetUserRole": "own",
    "Accounts.InitializeAccount": "own",
    "Billing.GetAccountState": "own",
    "Billing.ListCreditUsage": "own",
    "Billing.ListTransactions": "own",
    "BillingInternal.AuthorizeRun": "internal",
    "BillingInternal.ExtendHold": "internal",
    "BillingInternal.SettleRun": "internal",
    "BillingInternal.GetPrice": "internal",
    "BillingInternal.GetPlanLimits": "internal",
    "BillingInternal.LookupRole": "internal",
}


def authorize(run: str) -> pb.AuthorizeRunRequest:
    deadline = Timestamp()
    deadline.FromDatetime(SystemClock().now() + timedelta(hours=1))
    return pb.AuthorizeRunRequest(account_id=OWNER, run_id=run, thread_id=THREAD, model="mock-ai", deadline=deadline)


REQUESTS: dict[str, Callable[[Things], Any]] = {
    "Accounts.ListAccounts": lambda _: pb.ListAccountsRequest(),
    "Accounts.GetUserRole": lambda _: pb.GetUserRoleRequest(),
    "Accounts.InitializeAccount": lambda _: pb.InitializeAccountRequest(),
    "Billing.GetAccountState": lambda _: pb.GetAccountStateRequest(),
    "Billing.ListCreditUsage": lambda _: pb.ListCreditUsageRequest(),
    "Billing.ListTransactions": lambda _: pb.ListTransactionsRequest(),
    "BillingInternal.AuthorizeRun": lambda _: authorize(RandomIds()()),
    "BillingInternal.ExtendHold": lambda things: pb.ExtendHoldRequest(
        account_id=OWNER, run_id=things["run"], ordinal=1, microcredits=1
    ),
    "BillingInternal.SettleRun": lambda things: pb.SettleRunRequest(
        account_id=OWNER, run_id=things["run"], thread_id=THREAD, release=True
    ),
    "BillingInternal.GetPrice": lambda _: pb.GetPriceRequest(model="mock-ai"),
    "BillingInternal.GetPlanLimits": lambda _: pb.GetPlanLimitsRequest(account_id=OWNER),
    "BillingInternal.LookupRole": lambda _: pb.LookupRoleRequest(user_id=OWNER),
}

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def billing(
    database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[ServiceHarness[Settings]]:
    directory: Path = tmp_path_factory.mktemp("billing")
    settings = make_settings(Settings, directory, database_url=database_url, env_mode="local")
    async with ServiceHarness(settings, build) as harness:
        yield harness


@pytest.mark.parametrize("case", cases([pb.DESCRIPTOR], POLICY, KINDS), ids=str)
async def test_each_caller_gets_the_verdict_of_the_design(billing: ServiceHarness[Settings], case: Case) -> None:
    held = authorize(RandomIds()())
    await billing.stub(rpc.BillingInternalStub, "service:agent", account=OWNER).AuthorizeRun(held)
    channel = billing.channel(case.caller, account=OWNER)
    assert await verdict(channel, case.method, REQUESTS[case.rpc]({"run": held.run_id})) == case.verdict
