"""One more block for a run whose next step may cost more than it has left."""

from __future__ import annotations

from services.billing.domain.ledger import HoldRequest, digest
from services.billing.domain.plans import PLANS
from services.billing.errors import IdempotencyConflict, InsufficientCredits, NoOpenHold
from services.billing.ports import HoldAnswer, Ledger, PlacedHold
from services.billing.use_cases.refresh_account import RefreshAccount
from services.kit.clock import Clock


class ExtendHold:
    """Holds another block: at least what is asked for, or nothing.

    Idempotent by run and ordinal: a block that is there already answers, also where a new owner of the run, after a
    crash, estimates its need a little differently; one that is too small for it is another body, and refused.
    """

    def __init__(self, ledger: Ledger, refresh: RefreshAccount, clock: Clock, block: int) -> None:
        self._ledger = ledger
        self._refresh = refresh
        self._clock = clock
        self._block = block

    async def __call__(self, account_id: str, run_id: str, ordinal: int, microcredits: int) -> tuple[str, int]:
        """The block's key and size."""
        request = HoldRequest(
            account_id, run_id, None, ordinal, max(microcredits, self._block), microcredits, digest(account_id)
        )
        answer = await self._place(request)
        if not answer.held:
            placed = await self._ledger.find_hold(request.key)
            if placed is None:
                await self._refresh(account_id)
                answer = await self._place(request)
                placed = None if answer.held else await self._ledger.find_hold(request.key)
            if placed is not None:
                return request.key, _replayed(placed, request)
        if not answer.has_open_hold:
            raise NoOpenHold.of(run_id)
        if not answer.held:
            raise InsufficientCredits.of(answer.available, microcredits)
        return request.key, answer.held

    async def _place(self, request: HoldRequest) -> HoldAnswer:
        return await self._ledger.place_hold(request, plans=list(PLANS), models=[], ends_at=None, now=self._clock.now())


def _replayed(placed: PlacedHold, request: HoldRequest) -> int:
    if placed.digest != request.digest or placed.held < request.least:
        raise IdempotencyConflict.of(request.key)
    return placed.held
