"""The RPC edge of billing: decode, call one use case, encode."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from google.api import httpbody_pb2
from mesh.billing.v1 import billing_pb2 as pb
from mesh.billing.v1 import billing_pb2_grpc

from services.billing import codec
from services.billing.domain.plans import PLANS
from services.billing.ports import Accounts
from services.billing.use_cases.authorize_run import AuthorizeRun
from services.billing.use_cases.extend_hold import ExtendHold
from services.billing.use_cases.list_credit_usage import ListCreditUsage
from services.billing.use_cases.list_transactions import ListTransactions
from services.billing.use_cases.price_book import PriceBook
from services.billing.use_cases.refresh_account import RefreshAccount
from services.billing.use_cases.settle_run import SettleRun
from services.kit.clock import Clock
from services.kit.context import current_caller


@dataclass(frozen=True, slots=True)
class UseCases:
    """What the servicers call."""

    accounts: Accounts
    prices: PriceBook
    refresh: RefreshAccount
    authorize: AuthorizeRun
    extend: ExtendHold
    settle: SettleRun
    list_transactions: ListTransactions
    list_usage: ListCreditUsage


class AccountsServicer(billing_pb2_grpc.AccountsServicer):
    """Who somebody is."""

    def __init__(self, use: UseCases) -> None:
        self._use = use

    async def ListAccounts(self, _request: pb.ListAccountsRequest, _context: Any) -> httpbody_pb2.HttpBody:
        return codec.encode_accounts(await self._use.refresh.open(current_caller().account_id))

    async def GetUserRole(self, _request: pb.GetUserRoleRequest, _context: Any) -> pb.GetUserRoleResponse:
        return codec.encode_role(await self._use.accounts.role_of(current_caller().subject))

    async def InitializeAccount(
        self, _request: pb.InitializeAccountRequest, _context: Any
    ) -> pb.InitializeAccountResponse:
        state = await self._use.refresh(current_caller().account_id)
        return pb.InitializeAccountResponse(
            success=True, message="The account is ready", account_id=state.account.account_id
        )


class BillingServicer(billing_pb2_grpc.BillingServicer):
    """What somebody has and spent."""

    def __init__(self, use: UseCases, clock: Clock) -> None:
        self._use = use
        self._clock = clock

    async def GetAccountState(self, _request: pb.GetAccountStateRequest, _context: Any) -> pb.GetAccountStateResponse:
        state = await self._use.refresh(current_caller().account_id)
        return codec.encode_state(state, self._clock.now())

    async def ListCreditUsage(self, request: pb.ListCreditUsageRequest, _context: Any) -> pb.ListCreditUsageResponse:
        listing = await self._use.list_usage(
            current_caller().account_id, request.thread_id or None, codec.decode_page(request)
        )
        return codec.encode_usage(listing)

    async def ListTransactions(self, request: pb.ListTransactionsRequest, _context: Any) -> pb.ListTransactionsResponse:
        listing = await self._use.list_transactions(
            current_caller().account_id, request.type_filter or None, codec.decode_page(request)
        )
        return codec.encode_transactions(listing)


class BillingInternalServicer(billing_pb2_grpc.BillingInternalServicer):
    """What the other services need of billing."""

    def __init__(self, use: UseCases) -> None:
        self._use = use

    async def AuthorizeRun(self, request: pb.AuthorizeRunRequest, _context: Any) -> pb.AuthorizeRunResponse:
        return codec.encode_authorized(await self._use.authorize(codec.decode_run_start(request)))

    async def ExtendHold(self, request: pb.ExtendHoldRequest, _context: Any) -> pb.ExtendHoldResponse:
        hold_id, held = await self._use.extend(
            request.account_id, request.run_id, request.ordinal, request.microcredits
        )
        return pb.ExtendHoldResponse(hold_id=hold_id, held_microcredits=held)

    async def SettleRun(self, request: pb.SettleRunRequest, _context: Any) -> pb.SettleRunResponse:
        charges = [codec.decode_charge(charge) for charge in request.charges]
        amounts, held = await self._use.settle(
            request.account_id, request.run_id, request.thread_id, charges, release=request.release
        )
        posted = [
            pb.PostedCharge(key=charge.key, microcredits=amount)
            for charge, amount in zip(charges, amounts, strict=True)
        ]
        return pb.SettleRunResponse(posted=posted, held_microcredits=held)

    async def GetPrice(self, request: pb.GetPriceRequest, _context: Any) -> pb.GetPriceResponse:
        return pb.GetPriceResponse(price=codec.encode_price(await self._use.prices.current(request.model)))

    async def GetPlanLimits(self, request: pb.GetPlanLimitsRequest, _context: Any) -> pb.GetPlanLimitsResponse:
        account = await self._use.refresh.open(request.account_id)
        return pb.GetPlanLimitsResponse(limits=codec.encode_limits(PLANS[account.plan]))

    async def LookupRole(self, request: pb.LookupRoleRequest, _context: Any) -> pb.LookupRoleResponse:
        return pb.LookupRoleResponse(role=await self._use.accounts.role_of(request.user_id) or "user")
