"""What billing can be told from outside."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from services.kit.config import MeshSettings

Dollars = Annotated[Decimal, Field(gt=0, max_digits=16, decimal_places=8)]
Figures = Annotated[list[Dollars], Field(min_length=2, max_length=4)]


class Settings(MeshSettings):
    """Billing's settings."""

    service: ClassVar[str] = "billing"
    required: ClassVar[tuple[str, ...]] = ("database_url",)

    mesh_default_plan: Literal["local", "free"] | None = None
    """Plan of an account when it is made. Unset: local in ENV_MODE=local, free elsewhere."""

    mesh_hold_credits: int = Field(default=50, ge=1, le=100_000)
    """Credits that a run holds at a time. Larger: fewer extensions; smaller: more runs beside each other on little."""

    mesh_price_margin_percent: int = Field(default=120, ge=100, le=1000)
    """What is billed, in percent of the provider's list price. A change makes new price versions at the next start."""

    mesh_model_prices: dict[str, Figures] = Field(default_factory=dict)
    """Prices of models that the list does not have, or has otherwise, as JSON: name to dollars for a million tokens of
    input, output and (if given) cached input and cache writes, as {"anthropic/mine": [1, 5, 0.1, 1.25]}."""

    mesh_ledger_sweep_s: float = Field(default=60.0, gt=0)
    """Seconds between two sweeps for forgotten holds and expired credits."""

    @property
    def default_plan(self) -> str:
        """The plan of a new account."""
        return self.mesh_default_plan or ("local" if self.env_mode == "local" else "free")
