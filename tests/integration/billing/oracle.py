"""The ledger in sixty lines: what should happen, by the plainest means."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Oracle:
    """One account. A bucket is known by its number, a hold by its run; amounts are micro-credits."""

    expires: dict[int, float] = field(default_factory=dict)
    available: Counter[int] = field(default_factory=Counter)
    holds: dict[str, list[list[int]]] = field(default_factory=dict)
    paid: dict[str, dict[int, int]] = field(default_factory=dict)
    sides: Counter[str] = field(default_factory=Counter)

    def grant(self, number: int, amount: int, expires: float) -> None:
        self.expires[number], self.available[number] = expires, amount

    def hold(self, run: str, wanted: int, least: int, now: float) -> int:
        live = sum(self.available[number] for number, end in self.expires.items() if end > now)
        if live < least:
            return 0
        taken = self._take(min(wanted, live), now)
        parts = self.holds.get(run, []) + [[number, used] for number, used in taken]
        self.holds[run] = sorted(parts, key=lambda part: (self.expires[part[0]], part[0]))
        return min(wanted, live)

    def post(self, run: str, key: str, amount: int, now: float) -> None:
        self.sides["revenue"] += amount
        self.paid[key] = {}
        for part in self.holds.get(run, []):
            used = min(amount, part[1])
            part[1], amount = part[1] - used, amount - used
            self.paid[key][part[0]] = self.paid[key].get(part[0], 0) + used
        for number, used in self._take(amount, now):
            amount -= used
            self.paid[key][number] = self.paid[key].get(number, 0) + used
        self.sides["writeoff"] += amount

    def waste(self, amount: int) -> None:
        self.sides.update(revenue=amount, llm_waste=amount)

    def release(self, run: str) -> None:
        for number, balance in self.holds.pop(run, []):
            self.available[number] += balance

    def expire(self, now: float) -> None:
        for number in (number for number, end in self.expires.items() if end <= now):
            self.sides["expired"] += self.available.pop(number, 0)

    def refund(self, key: str, amount: int) -> bool:
        if amount > sum(self.paid[key].values()):
            return False
        self.sides["revenue"] -= amount
        for number in [number for number, used in self.paid[key].items() if used][::-1]:
            back = min(amount, self.paid[key][number])
            self.paid[key][number], amount = self.paid[key][number] - back, amount - back
            self.available[number] += back
        return True

    def _take(self, amount: int, now: float) -> list[tuple[int, int]]:
        taken = []
        for number in sorted((n for n, end in self.expires.items() if end > now), key=lambda n: (self.expires[n], n)):
            used = min(amount, self.available[number])
            self.available[number], amount = self.available[number] - used, amount - used
            taken += [(number, used)] if used else []
        return taken
