"""Plan limits, asked of billing and believed for a while.

Fails closed: where nothing is known and billing is away, no thread is made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mesh.billing.v1 import billing_pb2

from services.kit.clock import Clock
from services.threads.domain import Limits

if TYPE_CHECKING:  # the asynchronous stub is a name of the type stubs alone
    from mesh.billing.v1.billing_pb2_grpc import BillingInternalAsyncStub

IDEMPOTENT = ("/mesh.billing.v1.BillingInternal/GetPlanLimits",)
_TIMEOUT_S = 2.0
_MOST_REMEMBERED = 10_000


class BillingPlanLimits:
    """PlanLimits over billing's RPC."""

    def __init__(self, stub: BillingInternalAsyncStub, clock: Clock, believed_s: float) -> None:
        self._stub = stub
        self._clock = clock
        self._believed_s = believed_s
        self._known: dict[str, tuple[Limits, float]] = {}

    async def limits_of(self, account_id: str) -> Limits:
        known = self._known.get(account_id)
        if known is not None and known[1] > self._clock.monotonic():
            return known[0]
        request = billing_pb2.GetPlanLimitsRequest(account_id=account_id)
        answer = (await self._stub.GetPlanLimits(request, timeout=_TIMEOUT_S)).limits
        limits = Limits(threads=answer.max_threads, projects=answer.max_projects)
        while len(self._known) >= _MOST_REMEMBERED:
            self._known.pop(next(iter(self._known)))
        self._known[account_id] = (limits, self._clock.monotonic() + self._believed_s)
        return limits
