"""The start gate: plan, price and credit are checked and the run's first block is held, in one statement.

Only what that statement refuses costs more: a replay is found by its key; a new account, a due grant or a shortage
refreshes the account and asks once more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from services.billing.domain.ledger import HOLD_GRACE, SPENDABLE_MINIMUM, HoldRequest, digest
from services.billing.domain.plans import PLANS
from services.billing.domain.prices import Price, names_for
from services.billing.errors import (
    AgentRunLimitExceeded,
    IdempotencyConflict,
    InsufficientCredits,
    ModelAccessDenied,
    UnknownModelPrice,
)
from services.billing.ports import HoldAnswer, Ledger
from services.billing.use_cases.price_book import PriceBook
from services.billing.use_cases.refresh_account import RefreshAccount
from services.kit.clock import Clock
from services.kit.errors import MeshError


@dataclass(frozen=True, slots=True)
class RunStart:
    """A run that wants to start beside `running_count` others of its account."""

    account_id: str
    run_id: str
    thread_id: str
    model: str
    running_count: int
    running_thread_ids: Sequence[str]
    deadline: datetime


@dataclass(frozen=True, slots=True)
class AuthorizedRun:
    """The first block, in micro-credits, and the price that the run is pinned to. `ended`: it was, once."""

    hold_id: str
    held: int
    price: Price
    ended: bool = False


class AuthorizeRun:
    """Lets a run start, or says why not. Idempotent by run. `block` is in micro-credits."""

    def __init__(self, ledger: Ledger, prices: PriceBook, refresh: RefreshAccount, clock: Clock, block: int) -> None:
        self._ledger = ledger
        self._prices = prices
        self._refresh = refresh
        self._clock = clock
        self._block = block

    async def __call__(self, start: RunStart) -> AuthorizedRun:
        request = HoldRequest(
            start.account_id, start.run_id, start.thread_id, 0, self._block, SPENDABLE_MINIMUM,
            digest(start.account_id, start.thread_id, start.model),
        )  # fmt: skip
        answer = await self._place(request, start)
        if not answer.held:
            replayed = await self._replay(request)
            if replayed is not None:
                return replayed
            answer = await self._place_again(request, start, answer)
        if not answer.held or answer.price_version is None:
            # The same start, asked for twice at once, may have been placed after the look: by who refreshed first.
            replayed = await self._replay(request)
            if replayed is not None:
                return replayed
            raise _refusal(answer, start)
        await self._refill(answer, start.account_id)
        return await self._authorized(request, answer.held, answer.price_version)

    async def _place(self, request: HoldRequest, start: RunStart) -> HoldAnswer:
        return await self._ledger.place_hold(
            request,
            plans=[key for key, plan in PLANS.items() if plan.admits(start.model, start.running_count)],
            models=names_for(start.model),
            ends_at=start.deadline + HOLD_GRACE,
            now=self._clock.now(),
        )

    async def _place_again(self, request: HoldRequest, start: RunStart, refused: HoldAnswer) -> HoldAnswer:
        """Once more, where the account's own state may have been all that was missing."""
        is_admitted = refused.plan is None or PLANS[refused.plan].admits(start.model, start.running_count)
        if refused.price_version is None or not is_admitted:
            return refused
        await self._refresh(start.account_id)
        return await self._place(request, start)

    async def _replay(self, request: HoldRequest) -> AuthorizedRun | None:
        placed = await self._ledger.find_hold(request.key)
        if placed is None:
            return None
        if placed.digest != request.digest or placed.price_version is None:
            raise IdempotencyConflict.of(request.key)
        authorized = await self._authorized(request, placed.held, placed.price_version)
        return replace(authorized, ended=not placed.is_open)

    async def _authorized(self, request: HoldRequest, held: int, price_version: str) -> AuthorizedRun:
        prices = await self._prices.versions({price_version})
        return AuthorizedRun(request.key, held, prices[price_version])

    async def _refill(self, answer: HoldAnswer, account_id: str) -> None:
        refill = PLANS[answer.plan].refill if answer.plan else None
        if refill is not None and 2 * (answer.available - answer.held) < refill:
            await self._refresh(account_id)


def _refusal(answer: HoldAnswer, start: RunStart) -> MeshError:
    if answer.price_version is None or answer.plan is None:
        return UnknownModelPrice.of(start.model)
    plan = PLANS[answer.plan]
    if not plan.includes(start.model):
        return ModelAccessDenied.of(plan, start.model)
    if not plan.admits(start.model, start.running_count):
        return AgentRunLimitExceeded.of(plan, start.running_count, start.running_thread_ids)
    return InsufficientCredits.of(answer.available, SPENDABLE_MINIMUM)
