"""What a run cost, as billing has it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from .client import MeshClient, StartedRun

_PATIENCE = 5.0  # seconds: charges are posted within about one, else by the relay
_LOOK_EVERY = 0.1


@dataclass(frozen=True)
class Cost:
    """Sums over the run's charged steps."""

    steps: int
    prompt_tokens: int
    completion_tokens: int
    credits: float

    def __str__(self) -> str:
        if not self.steps:
            return "nothing was charged so far"
        steps = f"{self.steps} step{'s' if self.steps > 1 else ''}"
        tokens = f"{self.prompt_tokens} tokens in, {self.completion_tokens} out"
        return f"{steps}, {tokens}: {self.credits:.6f} credits"


async def cost_of(mesh: MeshClient, run: StartedRun, at_least_steps: int = 1) -> Cost:
    """The run's cost; waits a few seconds until so many steps are charged, and takes what there is then."""
    deadline = asyncio.get_running_loop().time() + _PATIENCE
    records = await mesh.usage(run)
    while len(records) < at_least_steps and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(_LOOK_EVERY)
        records = await mesh.usage(run)
    return Cost(
        steps=len(records),
        prompt_tokens=sum(record["prompt_tokens"] for record in records),
        completion_tokens=sum(record["completion_tokens"] for record in records),
        credits=sum(record["credits_used"] for record in records),
    )
