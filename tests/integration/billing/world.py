"""Billing's storage and use cases over a real database, with a clock that the test owns."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from services.billing.app import MIGRATIONS
from services.billing.config import Settings
from services.billing.domain.ledger import Charge, Grant, HoldRequest, PricedCharge
from services.billing.domain.money import MICRO
from services.billing.domain.plans import PLANS
from services.billing.domain.prices import TokenUsage
from services.billing.ports import HoldAnswer
from services.billing.storage.postgres import PostgresAccounts, PostgresBooks, PostgresLedger, PostgresPrices
from services.billing.use_cases.authorize_run import AuthorizeRun, RunStart
from services.billing.use_cases.extend_hold import ExtendHold
from services.billing.use_cases.price_book import PriceBook
from services.billing.use_cases.refresh_account import RefreshAccount
from services.billing.use_cases.settle_run import SettleRun
from services.billing.use_cases.sweep_ledger import SweepLedger
from services.kit.migrations import prepare_schema
from services.kit.postgres import Database, open_database
from tests.support.harness import make_settings

MODEL = "mock-ai"
VERSION = "mock-ai@1"
START = datetime(2026, 1, 1, tzinfo=UTC)


class ManualClock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.moment = START

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return self.moment.timestamp()

    def advance(self, **by: float) -> None:
        self.moment += timedelta(**by)


@dataclass
class World:
    """Everything of billing below the RPC edge."""

    database: Database
    default_plan: str = "local"
    clock: ManualClock = field(default_factory=ManualClock)

    def __post_init__(self) -> None:
        self.accounts, self.prices = PostgresAccounts(self.database), PostgresPrices(self.database)
        self.ledger, self.books = PostgresLedger(self.database), PostgresBooks(self.database)
        self.price_book = PriceBook(self.prices, self.clock)
        self.refresh = RefreshAccount(self.accounts, self.ledger, self.books, self.clock, self.default_plan)
        self.authorize = AuthorizeRun(self.ledger, self.price_book, self.refresh, self.clock, 50 * MICRO)
        self.extend = ExtendHold(self.ledger, self.refresh, self.clock, 50 * MICRO)
        self.settle = SettleRun(self.ledger, self.price_book, self.clock)
        self.sweep = SweepLedger(self.ledger, self.clock, 60)

    async def wallet(self, *gifts: int, expire_in_hours: tuple[int | None, ...] = ()) -> str:
        """An account whose plan owes it nothing for a century, with a bucket for each figure."""
        account_id = str(uuid.uuid4())
        await self.accounts.ensure(account_id, "test", "free", self.clock.now())
        century = self.clock.now() + timedelta(days=36500)
        await self.database.execute("UPDATE accounts SET next_grant_at = $2 WHERE account_id = $1", account_id, century)
        ends = (*expire_in_hours, *[None] * len(gifts))
        for number, (amount, hours) in enumerate(zip(gifts, ends, strict=False)):
            await self.give(account_id, amount * MICRO, hours, f"gift-{number}")
        return account_id

    async def give(self, account_id: str, microcredits: int, hours: int | None, source: str) -> None:
        """A bucket of its own."""
        expires_at = None if hours is None else self.clock.now() + timedelta(hours=hours)
        key = f"plan:{account_id}:{source}"
        grant = Grant(key, source, "extra" if hours is None else "daily", 0, microcredits, expires_at, None)
        await self.ledger.grant(account_id, grant, self.clock.now())

    async def hold(
        self, account_id: str, run_id: str, microcredits: int, *, block: int = 0, at_least: int | None = None
    ) -> HoldAnswer:
        """Asks the ledger itself for a block, whatever the plan."""
        least = microcredits if at_least is None else at_least
        request = HoldRequest(account_id, run_id, run_id, block, microcredits, least, "body")
        ends_at = None if block else self.clock.now() + timedelta(hours=2)
        return await self.ledger.place_hold(
            request, plans=list(PLANS), models=[MODEL], ends_at=ends_at, now=self.clock.now()
        )

    async def post(
        self, account_id: str, run_id: str, *amounts: int, step: int = 0, release: bool = False, wasted: bool = False
    ) -> tuple[int, int]:
        """Posts one charge for each amount, from the given step on."""
        pairs = [(charge_of(run_id, step + n, amount, wasted=wasted), "body") for n, amount in enumerate(amounts)]
        return await self.ledger.settle(account_id, run_id, run_id, pairs, release=release, now=self.clock.now())

    def start(self, account_id: str, run_id: str | None = None, model: str = MODEL, running: int = 0) -> RunStart:
        """A run that wants to start."""
        threads = [str(uuid.uuid4()) for _ in range(running)]
        deadline = self.clock.now() + timedelta(hours=1)
        run_id = run_id or str(uuid.uuid4())
        return RunStart(account_id, run_id, str(uuid.UUID(int=7)), model, running, threads, deadline)

    async def available(self, account_id: str) -> int:
        """What the account may spend now, in micro-credits."""
        return (await self.books.balance(account_id, "", self.clock.now())).available


def charge_of(run_id: str, step: int, amount: int, *, wasted: bool = False) -> PricedCharge:
    """A charge of a given sum."""
    charge = Charge(f"post:{run_id}:{step}", step, VERSION, MODEL, TokenUsage(1, 1), wasted=wasted)
    return PricedCharge(charge, amount, amount)


def usage_charge(run_id: str, step: int, usage: TokenUsage, version: str = VERSION, *, wasted: bool = False) -> Charge:
    """A charge that is still to be priced."""
    return Charge(f"post:{run_id}:{step}", step, version, MODEL, usage, wasted=wasted)


@asynccontextmanager
async def open_world(url: str, directory: Path, default_plan: str = "local") -> AsyncIterator[World]:
    """A world over the database, migrated and with prices."""
    settings = make_settings(Settings, directory, database_url=url, env_mode="local")
    await prepare_schema(settings, MIGRATIONS)
    async with open_database(settings) as database:
        world = World(database, default_plan)
        await world.price_book.publish_list(120, with_mock=True)
        yield world
