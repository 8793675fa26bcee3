"""What billing's use cases need of the world."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.billing.domain.accounts import Account, Balance, Role
from services.billing.domain.history import Entry, Page, UsageRecord
from services.billing.domain.ledger import Grant, HoldRequest, PricedCharge
from services.billing.domain.prices import Price, Rates


@dataclass(frozen=True, slots=True)
class HoldAnswer:
    """What came of asking for a block. `held` is 0 where none was placed; the rest says why."""

    held: int
    available: int
    plan: str | None
    is_grant_due: bool
    has_open_hold: bool
    price_version: str | None


@dataclass(frozen=True, slots=True)
class PlacedHold:
    """A block placed before: its size, its body's fingerprint, the price version it was pinned to, and whether it has
    not ended."""

    held: int
    digest: str
    price_version: str | None
    is_open: bool


class Accounts(Protocol):
    """Who pays and who administers."""

    async def ensure(self, account_id: str, name: str, plan: str, now: datetime) -> Account:
        """The account, made now where it did not exist; an existing one keeps its name and plan."""

    async def find(self, account_id: str) -> Account | None: ...

    async def role_of(self, user_id: str) -> Role | None:
        """admin, super_admin, or None for a plain user."""


class Prices(Protocol):
    """Versions of prices. A version never changes, and a model has at most one at a time."""

    async def current(self, names: Sequence[str], now: datetime) -> Price | None:
        """The price in force under the first of the names that has one."""

    async def versions(self, versions: Sequence[str]) -> Mapping[str, Price]:
        """Those of these versions that exist."""

    async def publish(self, prices: Mapping[str, tuple[Rates, Rates]], now: datetime) -> list[str]:
        """Makes these (listed, billed) the prices in force; unchanged ones keep their version. Returns the new ones."""


class Ledger(Protocol):
    """The only way to move credits. Every operation is atomic and idempotent by its key."""

    async def place_hold(
        self,
        request: HoldRequest,
        *,
        plans: Sequence[str],
        models: Sequence[str],
        ends_at: datetime | None,
        now: datetime,
    ) -> HoldAnswer:
        """Reserves a block, unless its key is taken, the account's plan is none of `plans`, a grant is due first, less
        than `least` is there, a first block has no price under `models`, or a later one no open hold before it."""

    async def find_hold(self, key: str) -> PlacedHold | None: ...

    async def settle(
        self,
        account_id: str,
        run_id: str,
        thread_id: str | None,
        charges: Sequence[tuple[PricedCharge, str]],
        *,
        release: bool,
        now: datetime,
    ) -> tuple[int, int]:
        """Posts (charge, digest) pairs and, to `release`, voids what is left of the run's holds. Posts nothing at all
        where a key is known with another digest. Returns how many were new, and what the run still holds."""

    async def digests(self, keys: Sequence[str]) -> Mapping[str, str]:
        """The fingerprints of those keys that are taken."""

    async def grant(self, account_id: str, grant: Grant, now: datetime) -> None: ...

    async def refund(
        self, account_id: str, post_key: str, ordinal: int, amount: int, digest: str, now: datetime
    ) -> bool:
        """Gives part of a post back to the buckets that paid it. False where that was done before or is too much."""

    async def expire(self, now: datetime, account_id: str | None = None) -> int:
        """Takes what is left out of buckets past their end. Returns how many there were."""

    async def overdue_runs(self, now: datetime, limit: int) -> list[tuple[str, str]]:
        """(account, run) of runs whose holds should have ended by themselves."""


class Books(Protocol):
    """What the ledger says, for reading."""

    async def balance(self, account_id: str, refill_source: str, now: datetime) -> Balance: ...

    async def balance_at(self, account_id: str, moment: datetime) -> int:
        """Unspent micro-credits as they were at a past moment, from the entries alone."""

    async def list_entries(self, account_id: str, type_filter: str | None, page: Page) -> list[Entry]: ...

    async def count_entries(self, account_id: str, type_filter: str | None) -> int: ...

    async def list_usage(self, account_id: str, thread_id: str | None, page: Page) -> list[UsageRecord]: ...

    async def count_usage(self, account_id: str, thread_id: str | None) -> int: ...
