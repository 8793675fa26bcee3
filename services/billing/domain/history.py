"""What an account is shown of its past, and how it is paged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from services.billing.domain.prices import TokenUsage

ENTRY_TYPES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "usage": ("post", ()),
    "daily_grant": ("grant", ("daily",)),
    "tier_grant": ("grant", ("monthly", "extra")),
    "refund": ("refund", ()),
    "expired": ("expire", ()),
}
"""An entry's type as shown: the kind of transfer, and for grants the classes of bucket."""

DESCRIPTIONS: Mapping[str, str] = {
    "usage": "Model usage",
    "daily_grant": "Credits of the period",
    "tier_grant": "Credits of the plan",
    "refund": "Refund",
    "expired": "Credits expired",
}
"""What an entry of each type is called where it has no model to name."""


@dataclass(frozen=True, slots=True)
class Page:
    """Entries newest first: at most `limit`, those older than `before`, or else those after the first `offset`."""

    limit: int
    offset: int = 0
    before: int | None = None

    def and_one_more(self) -> Page:
        """The page with a row to tell whether there is another."""
        return replace(self, limit=self.limit + 1)


@dataclass(frozen=True, slots=True)
class Entry:
    """One movement of an account's credits. `number` grows with time; `amount` is negative for what was spent."""

    number: int
    type: str
    description: str
    amount: int
    balance_after: int
    run_id: str | None
    thread_id: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class UsageRecord:
    """What one step used and cost."""

    number: int
    run_id: str
    thread_id: str | None
    step_no: int
    model: str
    usage: TokenUsage
    estimated: bool
    amount: int
    created_at: datetime


class Numbered(Protocol):
    """Something with a place in an account's history."""

    @property
    def number(self) -> int: ...


RecordT = TypeVar("RecordT", bound=Numbered)


@dataclass(frozen=True, slots=True)
class Listing(Generic[RecordT]):
    """One page of records. `next_before` begins the next one; None where this is the last."""

    records: Sequence[RecordT]
    total: int
    page: Page
    next_before: int | None

    @classmethod
    def of(cls, found: Sequence[RecordT], total: int, page: Page) -> Listing[RecordT]:
        """From the rows of `page.and_one_more()`."""
        records = found[: page.limit]
        return cls(records, total, page, records[-1].number if len(found) > page.limit else None)


def entry_type(kind: str, bucket_class: str | None) -> str:
    """The name under which a transfer is shown."""
    if kind == "grant":
        return "daily_grant" if bucket_class == "daily" else "tier_grant"
    return next(name for name, (of_kind, _) in ENTRY_TYPES.items() if of_kind == kind)
