"""The plans: what each grants, allows and is called. One table; every rule reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from services.billing.domain.money import MICRO

PAID_MODELS = frozenset({"kortix/power"})
"""Models that only a paid plan includes."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of each thing an account may have at once."""

    projects: int
    threads: int
    concurrent_runs: int
    agents: int
    custom_mcps: int
    scheduled_triggers: int
    app_triggers: int


@dataclass(frozen=True, slots=True)
class PeriodicGrant:
    """Credits that come by the clock and last until the next ones do."""

    microcredits: int
    every: timedelta


@dataclass(frozen=True, slots=True)
class ShownCredits:
    """Constants shown instead of what the ledger says, in credits."""

    total: float
    daily: float
    monthly: float


@dataclass(frozen=True, slots=True)
class Plan:
    """One plan. `refill` micro-credits never expire and are granted again when less than half of them is left."""

    key: str
    display_name: str
    tier_key: str
    limits: Limits
    is_paid: bool
    provider: str
    can_purchase: bool = False
    periodic: PeriodicGrant | None = None
    refill: int | None = None
    shown: ShownCredits | None = None

    @property
    def refill_source(self) -> str:
        """The bucket that refills go to."""
        return f"plan:{self.key}"

    def includes(self, model: str) -> bool:
        """Whether an account of this plan may use the model."""
        return self.is_paid or model not in PAID_MODELS

    def admits(self, model: str, running: int) -> bool:
        """Whether one more run of the model may start beside those that are queued or running."""
        return self.includes(model) and running < self.limits.concurrent_runs


UNLIMITED = 99_999
"""Where a plan limits nothing."""

LOCAL = Plan(
    key="local",
    display_name="Local Development",
    tier_key="tier_25_200",
    limits=Limits(*[UNLIMITED] * 7),
    is_paid=True,
    provider="local",
    refill=999_999 * MICRO,
    shown=ShownCredits(total=999_999, daily=200, monthly=999_799),
)

FREE = Plan(
    key="free",
    display_name="Basic",
    tier_key="free",
    limits=Limits(
        projects=20, threads=10, concurrent_runs=2, agents=0, custom_mcps=0, scheduled_triggers=0, app_triggers=0
    ),
    is_paid=False,
    provider="stripe",
    periodic=PeriodicGrant(300 * MICRO, timedelta(hours=168)),
)

PLANS: Mapping[str, Plan] = {plan.key: plan for plan in (LOCAL, FREE)}
