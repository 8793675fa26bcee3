"""Posts what a run's steps cost and, at its end, gives back what it held: one statement, one commit.

A charge is never refused for want of credit, because the call was made: it takes from the run's holds, then from what
else the account has, and what is left after that is written off.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from services.billing.domain.ledger import Charge, PricedCharge, digest
from services.billing.errors import IdempotencyConflict, UnknownModelPrice
from services.billing.ports import Ledger
from services.billing.use_cases.price_book import PriceBook
from services.kit.clock import Clock
from services.kit.errors import InvalidArgument


class SettleRun:
    """Posts charges, each once by its key. All of a call's charges are posted, or none where a key is in conflict."""

    def __init__(self, ledger: Ledger, prices: PriceBook, clock: Clock) -> None:
        self._ledger = ledger
        self._prices = prices
        self._clock = clock

    async def __call__(
        self, account_id: str, run_id: str, thread_id: str, charges: Sequence[Charge], *, release: bool
    ) -> tuple[list[int], int]:
        """Micro-credits of each charge, in their order, and what the run still holds."""
        _check_keys(run_id, charges)
        priced = await self._price(charges)
        body = {one.charge.key: (one, _digest(account_id, run_id, one.charge)) for one in priced}
        for one in priced:
            if body[one.charge.key][0] != one:
                raise IdempotencyConflict.of(one.charge.key)
        posted, held = await self._ledger.settle(
            account_id, run_id, thread_id, list(body.values()), release=release, now=self._clock.now()
        )
        if posted < len(body):
            await self._check_replays({key: fingerprint for key, (_, fingerprint) in body.items()})
        return [one.amount for one in priced], held

    async def _price(self, charges: Sequence[Charge]) -> list[PricedCharge]:
        prices = await self._prices.versions({charge.price_version for charge in charges})
        for charge in charges:
            if charge.price_version not in prices:
                raise UnknownModelPrice.of(charge.price_version)
        return [PricedCharge.of(charge, prices[charge.price_version]) for charge in charges]

    async def _check_replays(self, asked: Mapping[str, str]) -> None:
        known = await self._ledger.digests(list(asked))
        for key, fingerprint in asked.items():
            if known.get(key, fingerprint) != fingerprint:
                raise IdempotencyConflict.of(key)


def _check_keys(run_id: str, charges: Sequence[Charge]) -> None:
    """A key belongs to the run and step it charges: `post:{run}:{step}`, or that with `:` and more after it."""
    for index, charge in enumerate(charges):
        own = f"post:{run_id}:{charge.step_no}"
        if charge.key != own and not charge.key.startswith(f"{own}:"):
            raise InvalidArgument.of(f"charges[{index}].key", f"must be {own}, or begin with it and a colon")


def _digest(account_id: str, run_id: str, charge: Charge) -> str:
    return digest(
        account_id, run_id, charge.step_no, charge.price_version, charge.model, charge.usage, charge.estimated,
        charge.wasted,
    )  # fmt: skip
