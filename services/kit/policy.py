"""Who may call what, as a table with one row for every RPC.

A server whose table lacks an RPC, or names one that it does not have, does not start: the edge is complete by
construction. The same rows drive the gateway's routes, the deadlines, the client's retries and the access tests.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from services.kit.context import Caller
from services.kit.errors import PermissionDenied, Unauthenticated

Exposure = Literal["public", "internal"]
Role = Literal["admin", "super_admin"]
Rate = Literal["read", "write", "start", "stream", "none"]


@dataclass(frozen=True, slots=True)
class Rule:
    """One RPC's row.

    `exposure`: `public` RPCs are routed by the gateway, `internal` ones refuse every user's token. `users`, `anonymous`
    and `services` (a set of names) say who may call; `role` asks in addition that the user has it. `deadline_s` is the
    longest the RPC may take; None is 30 s, and for streams as long as the caller stays. `idempotent`: a client may
    repeat it by itself. `rate` says how the gateway limits it.
    """

    exposure: Exposure = "public"
    users: bool = False
    anonymous: bool = False
    services: frozenset[str] | set[str] = frozenset()
    role: Role | None = None
    deadline_s: float | None = None
    idempotent: bool = False
    rate: Rate = "none"

    def __post_init__(self) -> None:
        if self.exposure == "internal" and (self.users or self.anonymous or self.role):
            raise ValueError("an internal RPC takes service tokens alone")
        if self.role and not self.users:
            raise ValueError("a role belongs to a user")


class RoleLookup(Protocol):
    """Knows a user's role from the database, never from a claim."""

    async def role_of(self, subject: str) -> Role | None: ...


class PolicyTable:
    """The rows of one package, by full method name (`/mesh.threads.v1.Threads/GetThread`)."""

    def __init__(self, package: str, services: Mapping[str, Mapping[str, Rule]]) -> None:
        self.package = package
        self._rules = {
            f"/{package}.{service}/{method}": rule
            for service, rows in services.items()
            for method, rule in rows.items()
        }

    def __iter__(self) -> Iterator[tuple[str, Rule]]:
        return iter(self._rules.items())

    def rule(self, method: str) -> Rule:
        """The row of a full method name; KeyError where there is none."""
        return self._rules[method]

    def idempotent(self) -> tuple[str, ...]:
        """The RPCs that a client may repeat."""
        return tuple(method for method, rule in self._rules.items() if rule.idempotent)

    def check_complete(self, methods: Iterable[str]) -> None:
        """ValueError unless the table has a row for each of these RPCs and no other."""
        offered, listed = set(methods), set(self._rules)
        if offered != listed:
            missing, unknown = sorted(offered - listed), sorted(listed - offered)
            raise ValueError(f"policy of {self.package}: RPCs without a row {missing}, rows without an RPC {unknown}")


_RANK: dict[Role | None, int] = {None: 0, "admin": 1, "super_admin": 2}


async def authorize(rule: Rule, caller: Caller, roles: RoleLookup | None) -> None:
    """Lets the caller pass or raises Unauthenticated or PermissionDenied."""
    if caller.kind == "anonymous":
        if not rule.anonymous:
            raise Unauthenticated
    elif caller.kind == "service":
        if caller.service not in rule.services:
            raise PermissionDenied
    elif not rule.users:
        raise PermissionDenied
    elif rule.role is not None:
        held = await roles.role_of(caller.subject) if roles else None
        if _RANK[held] < _RANK[rule.role]:
            raise PermissionDenied
