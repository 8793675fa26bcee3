"""Billing put together: settings, tables, use cases, server."""

from __future__ import annotations

from contextlib import AsyncExitStack

from mesh.billing.v1 import billing_pb2_grpc

from services.billing.config import Settings
from services.billing.domain.money import MICRO
from services.billing.policy import POLICY
from services.billing.servicer import AccountsServicer, BillingInternalServicer, BillingServicer
from services.billing.storage.postgres import PostgresAccounts, PostgresBooks, PostgresLedger, PostgresPrices
from services.billing.use_cases.authorize_run import AuthorizeRun
from services.billing.use_cases.extend_hold import ExtendHold
from services.billing.use_cases.list_credit_usage import ListCreditUsage
from services.billing.use_cases.list_transactions import ListTransactions
from services.billing.use_cases.price_book import PriceBook
from services.billing.use_cases.refresh_account import RefreshAccount
from services.billing.use_cases.settle_run import SettleRun
from services.billing.use_cases.sweep_ledger import SweepLedger
from services.kit.clock import SystemClock
from services.kit.logging import get_logger
from services.kit.migrations import prepare_schema
from services.kit.postgres import open_database
from services.kit.server import Server
from services.kit.tasks import Supervisor

MIGRATIONS = "services.billing.storage.migrations"

log = get_logger()


async def build(settings: Settings, stack: AsyncExitStack) -> Server:
    """The service, ready to be started."""
    clock = SystemClock()
    database = await stack.enter_async_context(open_database(settings))
    await prepare_schema(settings, MIGRATIONS)
    accounts, prices = PostgresAccounts(database), PostgresPrices(database)
    ledger, books = PostgresLedger(database), PostgresBooks(database)

    price_book = PriceBook(prices, clock)
    published = await price_book.publish_list(
        settings.mesh_price_margin_percent, with_mock=settings.env_mode != "production"
    )
    if published:
        log.info("billing.prices_published", versions=published)

    refresh = RefreshAccount(accounts, ledger, books, clock, settings.default_plan)
    block = settings.mesh_hold_credits * MICRO
    internal = BillingInternalServicer(
        AuthorizeRun(ledger, prices, refresh, clock, block),
        ExtendHold(ledger, refresh, clock, block),
        SettleRun(ledger, price_book, clock),
        price_book,
        refresh,
        accounts,
    )
    public = BillingServicer(refresh, ListTransactions(books), ListCreditUsage(books), clock)

    tasks = await stack.enter_async_context(Supervisor())
    tasks.start("ledger_sweep", SweepLedger(ledger, clock, settings.mesh_ledger_sweep_s).run)
    server = Server(settings, POLICY, roles=accounts)
    billing_pb2_grpc.add_AccountsServicer_to_server(AccountsServicer(accounts, refresh), server)
    billing_pb2_grpc.add_BillingServicer_to_server(public, server)
    billing_pb2_grpc.add_BillingInternalServicer_to_server(internal, server)
    server.check("postgres", database.ping)
    return server
