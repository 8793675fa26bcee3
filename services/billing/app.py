"""Billing put together: settings, tables, use cases, server."""

from __future__ import annotations

from contextlib import AsyncExitStack

from mesh.billing.v1 import billing_pb2_grpc as rpc

from services.billing.config import Settings
from services.billing.domain.money import MICRO
from services.billing.domain.prices import Rates
from services.billing.policy import POLICY
from services.billing.ports import Ledger
from services.billing.servicer import AccountsServicer, BillingInternalServicer, BillingServicer, UseCases
from services.billing.storage.postgres import PostgresAccounts, PostgresBooks, PostgresLedger, PostgresPrices
from services.billing.use_cases.authorize_run import AuthorizeRun
from services.billing.use_cases.extend_hold import ExtendHold
from services.billing.use_cases.list_credit_usage import ListCreditUsage
from services.billing.use_cases.list_transactions import ListTransactions
from services.billing.use_cases.price_book import PriceBook
from services.billing.use_cases.refresh_account import RefreshAccount
from services.billing.use_cases.settle_run import SettleRun
from services.billing.use_cases.sweep_ledger import SweepLedger
from services.kit.clock import Clock, SystemClock
from services.kit.logging import get_logger
from services.kit.migrations import prepare_schema
from services.kit.postgres import Database, open_database
from services.kit.server import Server
from services.kit.tasks import Supervisor

MIGRATIONS = "services.billing.storage.migrations"

log = get_logger()


async def build(settings: Settings, stack: AsyncExitStack) -> Server:
    """The service, ready to be started; what must be closed is on the stack."""
    await prepare_schema(settings, MIGRATIONS)
    database = (await stack.enter_async_context(open_database(settings))).by_account()
    ledger, clock = PostgresLedger(database), SystemClock()
    use = _use_cases(settings, database, ledger, clock)
    published = await use.prices.publish_list(
        settings.mesh_price_margin_percent, own_prices(settings), with_mock=settings.env_mode != "production"
    )
    if published:
        log.info("billing.prices_published", versions=len(published))
    tasks = await stack.enter_async_context(Supervisor())
    tasks.start("ledger_sweep", SweepLedger(ledger, clock, settings.mesh_ledger_sweep_s).run)
    server = Server(settings, POLICY, roles=use.accounts)
    rpc.add_AccountsServicer_to_server(AccountsServicer(use), server)
    rpc.add_BillingServicer_to_server(BillingServicer(use, clock), server)
    rpc.add_BillingInternalServicer_to_server(BillingInternalServicer(use), server)
    server.check("postgres", database.ping)
    return server


def own_prices(settings: Settings) -> dict[str, Rates]:
    """What the operator says of prices."""
    given = settings.mesh_model_prices.items()
    return {model: Rates.in_dollars(*(f"{figure:f}" for figure in figures)) for model, figures in given}


def _use_cases(settings: Settings, database: Database, ledger: Ledger, clock: Clock) -> UseCases:
    accounts, prices, books = PostgresAccounts(database), PostgresPrices(database), PostgresBooks(database)
    price_book = PriceBook(prices, clock)
    refresh = RefreshAccount(accounts, ledger, books, clock, settings.default_plan)
    block = settings.mesh_hold_credits * MICRO
    return UseCases(
        accounts=accounts,
        prices=price_book,
        refresh=refresh,
        authorize=AuthorizeRun(ledger, price_book, refresh, clock, block),
        extend=ExtendHold(ledger, refresh, clock, block),
        settle=SettleRun(ledger, price_book, clock),
        list_transactions=ListTransactions(books),
        list_usage=ListCreditUsage(books),
    )
