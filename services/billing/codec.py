"""Protos to domain and back. Micro-credits become credits where REST shows them."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

from google.api import httpbody_pb2
from google.protobuf.timestamp_pb2 import Timestamp
from mesh.billing.v1 import billing_pb2 as pb

from services.billing.domain.accounts import Account, AccountState, Role
from services.billing.domain.history import Entry, Listing, Page, UsageRecord
from services.billing.domain.ledger import SPENDABLE_MINIMUM, Charge
from services.billing.domain.money import credits_of
from services.billing.domain.plans import PeriodicGrant, Plan
from services.billing.domain.prices import Price, TokenUsage
from services.billing.use_cases.authorize_run import AuthorizedRun, RunStart
from services.kit.errors import InvalidArgument

_DEFAULT_LIMIT = 50
_PAGE_TOKEN = re.compile("[0-9]{1,18}")


def decode_run_start(request: pb.AuthorizeRunRequest) -> RunStart:
    return RunStart(
        account_id=request.account_id,
        run_id=request.run_id,
        thread_id=request.thread_id,
        model=request.model,
        running_count=request.running_count,
        running_thread_ids=list(request.running_thread_ids),
        deadline=request.deadline.ToDatetime(tzinfo=UTC),
    )


def decode_charge(charge: pb.Charge) -> Charge:
    usage = TokenUsage(
        charge.prompt_tokens, charge.completion_tokens, charge.cached_read_tokens, charge.cache_write_tokens
    )
    return Charge(
        key=charge.key,
        step_no=charge.step_no,
        price_version=charge.price_version,
        model=charge.model,
        usage=usage,
        estimated=charge.estimated,
        wasted=charge.wasted,
        message_id=charge.message_id or None,
    )


def decode_page(request: pb.ListTransactionsRequest | pb.ListCreditUsageRequest) -> Page:
    limit = request.limit if request.HasField("limit") else _DEFAULT_LIMIT
    if not request.page_token:
        return Page(limit, request.offset)
    if not _PAGE_TOKEN.fullmatch(request.page_token):
        raise InvalidArgument.of("page_token", "is not one of ours")
    return Page(limit, request.offset, int(request.page_token))


def encode_price(price: Price) -> pb.Price:
    return pb.Price(
        price_version=price.version,
        model=price.model,
        input_microcredits_per_mtok=price.billed.input,
        output_microcredits_per_mtok=price.billed.output,
        cached_input_microcredits_per_mtok=price.billed.cached_input,
        cache_write_microcredits_per_mtok=price.billed.cache_write,
    )


def encode_authorized(run: AuthorizedRun) -> pb.AuthorizeRunResponse:
    return pb.AuthorizeRunResponse(
        hold_id=run.hold_id, held_microcredits=run.held, price=encode_price(run.price), ended=run.ended
    )


def encode_limits(plan: Plan) -> pb.PlanLimits:
    limits = plan.limits
    return pb.PlanLimits(
        tier_name=plan.tier_key,
        max_projects=limits.projects,
        max_threads=limits.threads,
        max_concurrent_runs=limits.concurrent_runs,
        max_agents=limits.agents,
        max_custom_mcps=limits.custom_mcps,
        max_scheduled_triggers=limits.scheduled_triggers,
        max_app_triggers=limits.app_triggers,
    )


def encode_accounts(account: Account) -> httpbody_pb2.HttpBody:
    """A JSON array of the one account that a user has."""
    shown: dict[str, object] = {
        "account_id": account.account_id,
        "name": account.name,
        "slug": None,
        "personal_account": True,
        "created_at": account.created_at.isoformat(),
        "updated_at": account.updated_at.isoformat(),
        "public_metadata": {},
        "private_metadata": {},
        "account_role": "owner",
    }
    return httpbody_pb2.HttpBody(content_type="application/json", data=json.dumps([shown]).encode())


def encode_role(role: Role | None) -> pb.GetUserRoleResponse:
    return pb.GetUserRoleResponse(isAdmin=role is not None, role=role)


def encode_state(state: AccountState, now: datetime) -> pb.GetAccountStateResponse:
    plan = state.plan
    return pb.GetAccountStateResponse(
        credits=_credits(state, now),
        subscription=pb.SubscriptionState(
            tier_key=plan.tier_key,
            tier_display_name=plan.display_name,
            status="active",
            provider=plan.provider,
            can_purchase_credits=plan.can_purchase,
        ),
        tier=pb.TierState(
            name=plan.tier_key,
            display_name=plan.display_name,
            monthly_credits=plan.shown.monthly if plan.shown else 0,
            can_purchase_credits=plan.can_purchase,
        ),
        limits=encode_limits(plan),
        local_mode=plan.shown is not None,
    )


def _credits(state: AccountState, now: datetime) -> pb.CreditState:
    shown = state.plan.shown
    if shown is not None:
        return pb.CreditState(total=shown.total, daily=shown.daily, monthly=shown.monthly, extra=0, can_run=True)
    remaining = state.balance.remaining
    answer = pb.CreditState(
        total=credits_of(state.balance.total),
        daily=credits_of(remaining.get("daily", 0)),
        monthly=credits_of(remaining.get("monthly", 0)),
        extra=credits_of(remaining.get("extra", 0)),
        can_run=state.balance.available >= SPENDABLE_MINIMUM,
    )
    if state.plan.periodic is not None and state.account.next_grant_at is not None:
        answer.daily_refresh.CopyFrom(_refresh(state.plan.periodic, state.account.next_grant_at, now))
    return answer


def _refresh(grant: PeriodicGrant, next_at: datetime, now: datetime) -> pb.DailyRefresh:
    return pb.DailyRefresh(
        enabled=True,
        daily_amount=credits_of(grant.microcredits),
        refresh_interval_hours=int(grant.every.total_seconds()) // 3600,
        last_refresh=_timestamp(next_at - grant.every),
        next_refresh_at=_timestamp(next_at),
        seconds_until_refresh=max(0, int((next_at - now).total_seconds())),
    )


def encode_transactions(listing: Listing[Entry]) -> pb.ListTransactionsResponse:
    return pb.ListTransactionsResponse(
        transactions=[_transaction(entry) for entry in listing.records],
        next_page_token=_token(listing.next_before),
        pagination=_pagination(listing),
    )


def encode_usage(listing: Listing[UsageRecord]) -> pb.ListCreditUsageResponse:
    return pb.ListCreditUsageResponse(
        usage_records=[_usage(record) for record in listing.records],
        next_page_token=_token(listing.next_before),
        pagination=_pagination(listing),
    )


def _transaction(entry: Entry) -> pb.Transaction:
    return pb.Transaction(
        id=str(entry.number),
        amount=credits_of(entry.amount),
        balance_after=credits_of(entry.balance_after),
        type=entry.type,
        description=entry.description,
        run_id=entry.run_id,
        thread_id=entry.thread_id,
        created_at=_timestamp(entry.created_at),
    )


def _usage(record: UsageRecord) -> pb.CreditUsage:
    return pb.CreditUsage(
        id=str(record.number),
        run_id=record.run_id,
        thread_id=record.thread_id,
        step_no=record.step_no,
        model=record.model,
        prompt_tokens=record.usage.prompt,
        completion_tokens=record.usage.completion,
        cached_tokens=record.usage.cached_read,
        estimated=record.estimated,
        credits_used=credits_of(record.amount),
        created_at=_timestamp(record.created_at),
    )


def _pagination(listing: Listing[Entry] | Listing[UsageRecord]) -> pb.Pagination:
    page = listing.page
    return pb.Pagination(
        total=listing.total, limit=page.limit, offset=page.offset, has_more=listing.next_before is not None
    )


def _token(next_before: int | None) -> str:
    return "" if next_before is None else str(next_before)


def _timestamp(moment: datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp
