"""The RPC edge of billing: decode, call one use case, encode."""

from __future__ import annotations

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


class AccountsServicer(billing_pb2_grpc.AccountsServicer):
    """Who somebody is."""

    def __init__(self, accounts: Accounts, refresh: RefreshAccount) -> None:
        self._accounts = accounts
        self._refresh = refresh

    async def ListAccounts(self, _request: pb.ListAccountsRequest, _context: Any) -> httpbody_pb2.HttpBody:
        return codec.encode_accounts(await self._refresh.open(current_caller().account_id))

    async def GetUserRole(self, _request: pb.GetUserRoleRequest, _context: Any) -> pb.GetUserRoleResponse:
        return codec.encode_role(await self._accounts.role_of(current_caller().subject))

    async def InitializeAccount(
        self, _request: pb.InitializeAccountRequest, _context: Any
    ) -> pb.InitializeAccountResponse:
        state = await self._refresh(current_caller().account_id)
        return pb.InitializeAccountResponse(
            success=True, message="The account is ready", account_id=state.account.account_id
        )


class BillingServicer(billing_pb2_grpc.BillingServicer):
    """What somebody has and spent."""

    def __init__(
        self, refresh: RefreshAccount, transactions: ListTransactions, usage: ListCreditUsage, clock: Clock
    ) -> None:
        self._refresh = refresh
        self._transactions = transactions
        self._usage = usage
        self._clock = clock

    async def GetAccountState(self, _request: pb.GetAccountStateRequest, _context: Any) -> pb.GetAccountStateResponse:
        state = await self._refresh(current_caller().account_id)
        return codec.encode_state(state, self._clock.now())

    async def ListCreditUsage(self, request: pb.ListCreditUsageRequest, _context: Any) -> pb.ListCreditUsageResponse:
        listing = await self._usage(current_caller().account_id, request.thread_id or None, codec.decode_page(request))
        return codec.encode_usage(listing)

    async def ListTransactions(self, request: pb.ListTransactionsRequest, _context: Any) -> pb.ListTransactionsResponse:
        listing = await self._transactions(
            current_caller().account_id, request.type_filter or None, codec.decode_page(request)
        )
        return codec.encode_transactions(listing)


class BillingInternalServicer(billing_pb2_grpc.BillingInternalServicer):
    """What the other services need of billing."""

    def __init__(
        self,
        authorize: AuthorizeRun,
        extend: ExtendHold,
        settle: SettleRun,
        prices: PriceBook,
        refresh: RefreshAccount,
        accounts: Accounts,
    ) -> None:
        self._authorize = authorize
        self._extend = extend
        self._settle = settle
        self._prices = prices
        self._refresh = refresh
        self._accounts = accounts

    async def AuthorizeRun(self, request: pb.AuthorizeRunRequest, _context: Any) -> pb.AuthorizeRunResponse:
        return codec.encode_authorized(await self._authorize(codec.decode_run_start(request)))

    async def ExtendHold(self, request: pb.ExtendHoldRequest, _context: Any) -> pb.ExtendHoldResponse:
        hold_id, held = await self._extend(request.account_id, request.run_id, request.ordinal, request.microcredits)
        return pb.ExtendHoldResponse(hold_id=hold_id, held_microcredits=held)

    async def SettleRun(self, request: pb.SettleRunRequest, _context: Any) -> pb.SettleRunResponse:
        charges = [codec.decode_charge(charge) for charge in request.charges]
        amounts, held = await self._settle(
            request.account_id, request.run_id, request.thread_id, charges, release=request.release
        )
        posted = [
            pb.PostedCharge(key=charge.key, microcredits=amount)
            for charge, amount in zip(charges, amounts, strict=True)
        ]
        return pb.SettleRunResponse(posted=posted, held_microcredits=held)

    async def GetPrice(self, request: pb.GetPriceRequest, _context: Any) -> pb.GetPriceResponse:
        return pb.GetPriceResponse(price=codec.encode_price(await self._prices.current(request.model)))

    async def GetPlanLimits(self, request: pb.GetPlanLimitsRequest, _context: Any) -> pb.GetPlanLimitsResponse:
        account = await self._refresh.open(request.account_id)
        return pb.GetPlanLimitsResponse(limits=codec.encode_limits(PLANS[account.plan]))

    async def LookupRole(self, request: pb.LookupRoleRequest, _context: Any) -> pb.LookupRoleResponse:
        return pb.LookupRoleResponse(role=await self._accounts.role_of(request.user_id) or "user")
