"""Accounts and roles at billing."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from mesh.billing.v1 import billing_pb2 as pb

from services.gateway.edge.codec.views import credits_view, subscription_view, tier_view
from services.gateway.edge.ports import Account, Billing
from services.kit.policy import Role, RoleLookup

if TYPE_CHECKING:  # the asynchronous stubs are names of the type stubs alone
    from mesh.billing.v1.billing_pb2_grpc import BillingAsyncStub, BillingInternalAsyncStub


class BillingClient(Billing):
    """Asks billing, as the user."""

    def __init__(self, as_user: BillingAsyncStub) -> None:
        self._user = as_user

    async def account(self, skip_cache: bool) -> Account:
        answer = await self._user.GetAccountState(pb.GetAccountStateRequest(skip_cache=skip_cache or None))
        return Account(
            credits=credits_view(answer.credits),
            subscription=subscription_view(answer.subscription),
            tier=tier_view(answer.tier),
            limits={f.name: value for f, value in answer.limits.ListFields() if f.name.startswith("max_")},
            tier_name=answer.limits.tier_name,
            local_mode=answer.local_mode,
        )


class Roles(RoleLookup):
    """The role of a user, asked for each request that needs one: they are rare, and a lost role counts at once."""

    def __init__(self, as_gateway: BillingInternalAsyncStub) -> None:
        self._gateway = as_gateway

    async def role_of(self, subject: str) -> Role | None:
        role = (await self._gateway.LookupRole(pb.LookupRoleRequest(user_id=subject))).role
        return cast(Role, role) if role in ("admin", "super_admin") else None
