"""How a run's tool calls are run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class ToolPolicy:
    """`early`: while the answer still streams, as soon as a call's arguments are complete."""

    early: bool = True
    strategy: Literal["parallel", "sequential"] = "parallel"
