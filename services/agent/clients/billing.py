"""billing, as the agent needs it."""

from __future__ import annotations

from datetime import datetime
from typing import Final, cast
from uuid import UUID

import grpc
from google.protobuf.timestamp_pb2 import Timestamp
from mesh.billing.v1 import billing_pb2, billing_pb2_grpc

from services.agent.domain.run import Price
from services.agent.ports import ActiveRuns, Authorization
from services.kit.policy import Role, RoleLookup

IDEMPOTENT: Final = tuple(
    f"/mesh.billing.v1.BillingInternal/{method}"
    for method in ("AuthorizeRun", "ExtendHold", "SettleRun", "GetPlanLimits", "LookupRole")
)


class BillingClient(RoleLookup):
    """Billing over gRPC."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = billing_pb2_grpc.BillingInternalStub(channel)

    async def authorize(
        self, account_id: UUID, run_id: UUID, thread_id: UUID, model: str, active: ActiveRuns, deadline: datetime
    ) -> Authorization:
        until = Timestamp()
        until.FromDatetime(deadline)
        reply = await self._stub.AuthorizeRun(
            billing_pb2.AuthorizeRunRequest(
                account_id=str(account_id),
                run_id=str(run_id),
                thread_id=str(thread_id),
                model=model,
                running_count=active.count,
                running_thread_ids=[str(thread) for thread in active.thread_ids],
                deadline=until,
            ),
            timeout=5,
        )
        price = reply.price
        return Authorization(
            held=reply.held_microcredits,
            ended=reply.ended,
            price=Price(
                version=price.price_version,
                input_rate=price.input_microcredits_per_mtok,
                output_rate=price.output_microcredits_per_mtok,
                cached_rate=price.cached_input_microcredits_per_mtok,
                cache_write_rate=price.cache_write_microcredits_per_mtok,
            ),
        )

    async def extend(self, account_id: UUID, run_id: UUID, ordinal: int, microcredits: int) -> int:
        reply = await self._stub.ExtendHold(
            billing_pb2.ExtendHoldRequest(
                account_id=str(account_id), run_id=str(run_id), ordinal=ordinal, microcredits=microcredits
            ),
            timeout=5,
        )
        held: int = reply.held_microcredits
        return held

    async def role_of(self, subject: str) -> Role | None:
        role = (await self._stub.LookupRole(billing_pb2.LookupRoleRequest(user_id=subject), timeout=5)).role
        return cast(Role, role) if role in ("admin", "super_admin") else None

    async def most_agents(self, account_id: UUID) -> int:
        request = billing_pb2.GetPlanLimitsRequest(account_id=str(account_id))
        most: int = (await self._stub.GetPlanLimits(request, timeout=5)).limits.max_agents
        return most

    async def deliver(self, account_id: UUID, payload: bytes) -> None:  # noqa: ARG002 -- the payload names it
        await self._stub.SettleRun(billing_pb2.SettleRunRequest.FromString(payload), timeout=5)
