"""Prices: the one in force for a model, and past versions, which never change and are kept in memory once read."""

from __future__ import annotations

from collections.abc import Mapping, Set
from types import MappingProxyType

from services.billing.domain.price_list import LIST_PRICES, MOCK_PRICE
from services.billing.domain.prices import Price, Rates, names_for
from services.billing.errors import UnknownModelPrice
from services.billing.ports import Prices
from services.kit.clock import Clock


class PriceBook:
    """Answers what a model costs."""

    def __init__(self, prices: Prices, clock: Clock) -> None:
        self._prices = prices
        self._clock = clock
        self._known: dict[str, Price] = {}

    async def current(self, model: str) -> Price:
        """The price in force for a model, its own or its family's."""
        price = await self._prices.current(names_for(model), self._clock.now())
        if price is None:
            raise UnknownModelPrice.of(model)
        return price

    async def versions(self, wanted: Set[str]) -> Mapping[str, Price]:
        """Those of these versions that exist."""
        unread = [version for version in wanted if version not in self._known]
        if unread:
            self._known.update(await self._prices.versions(unread))
        return self._known

    async def publish_list(
        self, margin_percent: int, own: Mapping[str, Rates] = MappingProxyType({}), *, with_mock: bool
    ) -> list[str]:
        """Makes the price list and the operator's `own` prices, with our margin, those in force: the new versions."""
        listed = {**LIST_PRICES, **(MOCK_PRICE if with_mock else {}), **own}
        prices = {model: (rates, rates.with_margin(margin_percent)) for model, rates in listed.items()}
        return await self._prices.publish(prices, self._clock.now())
