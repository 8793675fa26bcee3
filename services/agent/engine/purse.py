"""What a run may still spend: its holds less its charges, in micro-credits."""

from __future__ import annotations

from services.agent.domain.journal import Journal
from services.agent.domain.run import Claim
from services.agent.llm.port import Usage
from services.agent.ports import Billing
from services.kit.context import acting_for


class Purse:
    """One run's. Blocks are numbered, so that a new owner asks for the same one again."""

    def __init__(self, claim: Claim, billing: Billing, max_output_tokens: int) -> None:
        self._claim = claim
        self._billing = billing
        self._max_output_tokens = max_output_tokens
        self.held = claim.spec.held
        self.ordinal = 0
        self._spent = 0

    def fold(self, journal: Journal) -> None:
        """Takes over from earlier owners."""
        if journal.steps:
            latest = max(journal.steps, key=lambda step: step.step_no)
            self.held, self.ordinal = latest.held, latest.hold_ordinal
        self._spent = sum(step.cost for step in journal.steps)

    async def afford(self, prompt_tokens: int) -> None:
        """Makes sure that a step's worst case is held. Raises PaymentRequired."""
        run = self._claim.run
        worst = self._claim.spec.price.cost(prompt_tokens, self._max_output_tokens)
        missing = worst - (self.held - self._spent)
        if missing <= 0:
            return
        with acting_for(str(run.account_id), run_id=str(run.run_id), epoch=run.epoch):
            self.held += await self._billing.extend(run.account_id, run.run_id, self.ordinal + 1, missing)
        self.ordinal += 1

    def spend(self, usage: Usage) -> int:
        """Counts a step; at least what billing will charge."""
        cost = self._claim.spec.price.cost(
            usage.prompt_tokens, usage.completion_tokens, usage.cached_read_tokens, usage.cache_write_tokens
        )
        self._spent += cost
        return cost
