"""The keys of billing's REST answers, as the web client reads them: proto names are the JSON keys."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from google.protobuf.message import Message
from mesh.billing.v1 import billing_pb2 as pb

from services.billing import codec
from services.billing.domain.accounts import Account

NOW = datetime(2026, 1, 1, tzinfo=UTC)
KEYS: dict[type[Message], set[str]] = {
    pb.GetUserRoleResponse: {"isAdmin", "role"},
    pb.ListCreditUsageResponse: {"usage_records", "pagination"},
    pb.ListTransactionsResponse: {"transactions", "pagination"},
    pb.Pagination: {"total", "limit", "offset", "has_more"},
    pb.CreditState: {"total", "daily", "monthly", "extra", "can_run", "daily_refresh"},
    pb.DailyRefresh: {
        "enabled",
        "daily_amount",
        "refresh_interval_hours",
        "last_refresh",
        "next_refresh_at",
        "seconds_until_refresh",
    },
    pb.SubscriptionState: {
        "tier_key",
        "tier_display_name",
        "status",
        "billing_period",
        "provider",
        "subscription_id",
        "current_period_end",
        "cancel_at_period_end",
        "can_purchase_credits",
    },
    pb.TierState: {"name", "display_name", "monthly_credits", "can_purchase_credits"},
    pb.Transaction: {"id", "amount", "balance_after", "type", "description", "created_at"},
}


@pytest.mark.parametrize("message", KEYS, ids=lambda message: message.DESCRIPTOR.name)
def test_an_answer_has_the_keys_that_the_client_reads(message: type[Message]) -> None:
    assert KEYS[message] <= set(message.DESCRIPTOR.fields_by_name)


def test_accounts_are_an_array_with_the_clients_keys() -> None:
    body = codec.encode_accounts(Account("a", "Personal", "free", NOW, NOW))
    (account,) = json.loads(body.data)
    assert set(account) == {
        "account_id",
        "name",
        "slug",
        "personal_account",
        "created_at",
        "updated_at",
        "public_metadata",
        "private_metadata",
        "account_role",
    }
