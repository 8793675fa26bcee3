"""An account, what is in it, and which grant its plan owes it now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from services.billing.domain.ledger import Grant
from services.billing.domain.plans import Plan

Role = Literal["admin", "super_admin"]
"""What somebody may be above a plain user."""


@dataclass(frozen=True, slots=True)
class Account:
    """Who pays. A personal account's id is its user's."""

    account_id: str
    name: str
    plan: str
    created_at: datetime
    updated_at: datetime
    next_grant_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Balance:
    """Micro-credits of an account. `remaining` by class includes what its runs hold, `available` does not."""

    available: int = 0
    remaining: Mapping[str, int] = field(default_factory=dict)
    refilled: int = 0
    """What the plan's unexpiring bucket was ever given: it names the next refill."""

    @property
    def total(self) -> int:
        """Everything that is not spent."""
        return sum(self.remaining.values())


def grant_due(account: Account, balance: Balance, plan: Plan, now: datetime) -> Grant | None:
    """The grant that the plan owes the account at `now`, if any.

    Periods count from the account's creation, so the same moment always has the same period, whoever asks; those that
    nobody saw are not made up for.
    """
    if plan.periodic is not None and (account.next_grant_at is None or account.next_grant_at <= now):
        # Never before the first: the clock of who made the account may be a little ahead of ours.
        period = max(0, (now - account.created_at) // plan.periodic.every)
        ends = account.created_at + (period + 1) * plan.periodic.every
        source = f"plan:{plan.key}:{period}"
        key = f"plan:{account.account_id}:{plan.key}-{period}"
        return Grant(key, source, "daily", 0, plan.periodic.microcredits, ends, ends)
    if plan.refill is not None and 2 * balance.total < plan.refill:
        key = f"plan:{account.account_id}:{plan.key}-{balance.refilled}"
        return Grant(key, plan.refill_source, "extra", 9, plan.refill, None, None)
    return None


@dataclass(frozen=True, slots=True)
class AccountState:
    """An account with its plan and what is in it."""

    account: Account
    plan: Plan
    balance: Balance
