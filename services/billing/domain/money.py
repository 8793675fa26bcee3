"""Amounts: integer micro-credits inside, credits at the edge. 1 credit = $0.01 = 1,000,000 micro-credits."""

from __future__ import annotations

MICRO = 1_000_000
"""Micro-credits in a credit."""


def credits_of(microcredits: int) -> float:
    """Micro-credits as credits, for display."""
    return microcredits / MICRO


def divide_half_up(numerator: int, denominator: int) -> int:
    """The quotient of two non-negative integers, rounded half up."""
    return (2 * numerator + denominator) // (2 * denominator)
