"""What the ledger is asked to do, and under which keys.

A key names an operation for ever: asked twice it happens once, asked again with another body it is refused.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.billing.domain.prices import Price, TokenUsage

HOLD_GRACE = timedelta(hours=1)
"""How long after its run's deadline a forgotten hold is ended."""

SPENDABLE_MINIMUM = 1_000_000
"""Micro-credits that must be there for a run to start: one credit."""


def hold_key(run_id: str, block: int) -> str:
    """The key of a run's k-th block; `void:` before it is the key of its end. Ids are written as Postgres does."""
    return f"hold:{run_id.lower()}:{block}"


def refund_key(post_key: str, ordinal: int) -> str:
    """The key of a post's n-th refund."""
    return f"refund:{post_key}:{ordinal}"


def digest(*body: object) -> str:
    """A fingerprint of an operation's body, equal for equal bodies."""
    return hashlib.blake2b(repr(body).encode(), digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class HoldRequest:
    """A block to reserve for a run: `wanted` micro-credits, or what there is if that is at least `least`."""

    account_id: str
    run_id: str
    thread_id: str | None
    block: int
    wanted: int
    least: int
    digest: str

    @property
    def key(self) -> str:
        """The idempotency key."""
        return hold_key(self.run_id, self.block)


@dataclass(frozen=True, slots=True)
class Charge:
    """What one model step used, at the price that was pinned before it."""

    key: str
    step_no: int
    price_version: str
    model: str
    usage: TokenUsage
    estimated: bool = False
    wasted: bool = False
    message_id: str | None = None


@dataclass(frozen=True, slots=True)
class PricedCharge:
    """A charge with its two sums: `cost` at the provider's list, `amount` what the ledger posts."""

    charge: Charge
    cost: int
    amount: int

    @classmethod
    def of(cls, charge: Charge, price: Price) -> PricedCharge:
        """Prices a charge. A wasted one carries no margin: it is our loss, not a sale."""
        cost = price.listed.cost(charge.usage)
        return cls(charge, cost, cost if charge.wasted else price.billed.cost(charge.usage))


@dataclass(frozen=True, slots=True)
class Grant:
    """Credits to give. A second grant from the same `source` fills the same bucket."""

    key: str
    source: str
    bucket_class: str
    priority: int
    microcredits: int
    expires_at: datetime | None
    next_grant_at: datetime | None
