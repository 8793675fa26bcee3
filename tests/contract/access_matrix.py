"""The generated access matrix: every RPC of a service, called by everybody, on private and on shared things.

A service plugs in with its descriptors, its policy table, the kind of each RPC, and a way to make things and requests.
What is expected follows from the table and the kind, by the rules of the design: what one may not see is a 404, a write
to what one may only read is a 403, whoever must say who they are is a 401. An RPC without a kind or a request fails
the suite, so that a new one cannot slip through.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import grpc
from google.protobuf.descriptor import FileDescriptor, MethodDescriptor
from google.protobuf.message_factory import GetMessageClass

from services.kit.errors import MeshError
from services.kit.policy import PolicyTable, Rule
from tests.support.harness import SERVICES

Kind = Literal["own", "read", "write", "hidden", "open", "internal"]
"""`own`: acts on the caller's own things alone, so every user passes. `read`: the owner, and everybody where it is
shared. `write`: the owner; who may only read is refused. `hidden`: the owner; to all others it is not there, shared or
not. `open`: the same to everybody. `internal`: services alone."""

Visibility = Literal["private", "public"]

CALLERS = ("user", "other", "admin", "super_admin", "anonymous", *(f"service:{name}" for name in SERVICES))
VISIBILITIES: tuple[Visibility, ...] = ("private", "public")


@dataclass(frozen=True)
class Case:
    """One call; `user` is the owner of what is called upon. `verdict` is the HTTP status, 200 for let in."""

    method: MethodDescriptor
    caller: str
    visibility: Visibility
    verdict: int

    @property
    def rpc(self) -> str:
        """`Service.Method`."""
        return f"{self.method.containing_service.name}.{self.method.name}"

    def __str__(self) -> str:
        return f"{self.rpc}-{self.caller}-{self.visibility}"


def methods_of(files: Iterable[FileDescriptor]) -> list[MethodDescriptor]:
    """Every RPC that the files declare."""
    return [method for file in files for service in file.services_by_name.values() for method in service.methods]


def cases(files: Iterable[FileDescriptor], policy: PolicyTable, kinds: Mapping[str, Kind]) -> list[Case]:
    """The whole matrix; KeyError for an RPC without a row or a kind."""
    found = []
    for method in methods_of(files):
        kind = kinds[f"{method.containing_service.name}.{method.name}"]
        rule = policy.rule(_path(method))
        assert (kind == "internal") == (rule.exposure == "internal"), (
            f"{method.full_name} is exposed as {rule.exposure}"
        )
        found += [
            Case(method, caller, visibility, expected(rule, kind, caller, visibility))
            for caller in CALLERS
            for visibility in VISIBILITIES
        ]
    return found


def expected(rule: Rule, kind: Kind, caller: str, visibility: Visibility) -> int:
    """The verdict of the design."""
    name, _, service = caller.partition(":")
    if name == "service":
        return 200 if service in rule.services else 403
    if name == "anonymous":
        return _as_stranger(kind, visibility) if rule.anonymous else 401
    if kind == "internal" or not rule.users or not _holds_role(rule, name):
        return 403
    return 200 if name == "user" or kind in ("own", "open") else _as_stranger(kind, visibility)


def _holds_role(rule: Rule, name: str) -> bool:
    return {None: True, "admin": name in ("admin", "super_admin"), "super_admin": name == "super_admin"}[rule.role]


def _as_stranger(kind: Kind, visibility: Visibility) -> int:
    if kind == "open":
        return 200
    if visibility == "private" or kind == "hidden":
        return 404
    return 200 if kind == "read" else 403


def _path(method: MethodDescriptor) -> str:
    return f"/{method.containing_service.full_name}/{method.name}"


async def verdict(channel: grpc.aio.Channel, method: MethodDescriptor, request: Any) -> int:
    """Calls the RPC with one request; 200 or the status of the refusal."""
    answer_class = GetMessageClass(method.output_type)
    kind = f"{'stream' if method.client_streaming else 'unary'}_{'stream' if method.server_streaming else 'unary'}"
    call = getattr(channel, kind)(_path(method), type(request).SerializeToString, answer_class.FromString)
    try:
        await _finish(call(_once(request) if method.client_streaming else request), method.server_streaming)
    except MeshError as refused:
        return refused.http_status
    return 200


async def _finish(answer: Any, is_stream: bool) -> None:
    if not is_stream:
        await answer
        return
    async for _ in answer:
        break


async def _once(request: Any) -> Any:
    yield request


Things = Mapping[str, str]
Prepare = Callable[[Visibility], Awaitable[Things]]
"""Makes fresh things of the owner, private or shared; gives their ids by name."""
