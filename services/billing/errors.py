"""Why billing refuses. What concerns credit or plan is HTTP 402, and its figures stand in the error's params."""

from __future__ import annotations

from collections.abc import Sequence

from services.billing.domain.money import credits_of
from services.billing.domain.plans import Plan
from services.kit.errors import AlreadyExists, Conflict, PaymentRequired


class InsufficientCredits(PaymentRequired):
    """Less is there than is needed."""

    reason = "INSUFFICIENT_CREDITS"

    @classmethod
    def of(cls, available: int, required: int) -> InsufficientCredits:
        """Both in micro-credits; shown in credits."""
        params = {"balance": credits_of(available), "required": credits_of(required)}
        return cls("Insufficient credits", params=params)


class AgentRunLimitExceeded(PaymentRequired):
    """As many runs are queued or running as the plan allows."""

    reason = "AGENT_RUN_LIMIT_EXCEEDED"

    @classmethod
    def of(cls, plan: Plan, running_count: int, running_thread_ids: Sequence[str]) -> AgentRunLimitExceeded:
        """With the threads that the runs belong to."""
        limit = plan.limits.concurrent_runs
        return cls(
            f"The plan allows {limit} runs at once",
            params={"running_thread_ids": list(running_thread_ids), "running_count": running_count, "limit": limit},
        )


class ModelAccessDenied(PaymentRequired):
    """The plan does not include the model."""

    reason = "MODEL_ACCESS_DENIED"

    @classmethod
    def of(cls, plan: Plan, model: str) -> ModelAccessDenied:
        """With the plan's name."""
        params = {"tier_name": plan.tier_key, "model": model}
        return cls(f"{model} is not included in the plan {plan.display_name}", params=params)


class UnknownModelPrice(Conflict):
    """The model, or the version, has no price: it is not called."""

    reason = "UNKNOWN_MODEL_PRICE"

    @classmethod
    def of(cls, model: str) -> UnknownModelPrice:
        """With the name that was looked for."""
        return cls(f"{model} has no price: give it one in MESH_MODEL_PRICES", params={"model": model})


class IdempotencyConflict(AlreadyExists):
    """The key was used with another body."""

    reason = "IDEMPOTENCY_CONFLICT"

    @classmethod
    def of(cls, key: str) -> IdempotencyConflict:
        """With the key."""
        return cls("The key was used for something else", params={"key": key})


class NoOpenHold(Conflict):
    """The run reserved nothing, or its holds have ended."""

    reason = "NO_OPEN_HOLD"

    @classmethod
    def of(cls, run_id: str) -> NoOpenHold:
        """With the run."""
        return cls("The run has no open hold", params={"run_id": run_id})
