"""Who calls, and under which run, request and deadline: the facts of the RPC under way.

They travel in one context variable, because gRPC's handlers have no place for them. A servicer reads
`current_caller()` once and hands plain values on; channels read the rest to pass it down. Nothing else reads it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Literal

CallerKind = Literal["user", "service", "anonymous"]


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody, as far as a verified token says.

    `subject` is the token's `sub`; `account_id` equals it for a user and is the account on whose behalf a service
    calls (empty for none). `service` is the calling service's name, else empty. `token` is the bearer itself, to be
    passed on and never logged.
    """

    kind: CallerKind
    subject: str = ""
    account_id: str = ""
    service: str = ""
    run_id: str = ""
    epoch: int = 0
    scopes: frozenset[str] = frozenset()
    token: str = field(default="", repr=False)


ANONYMOUS = Caller("anonymous")
NOBODY = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True, slots=True)
class CallContext:
    """The facts of one RPC. `deadline` is in the seconds of `time.monotonic`, None for none.

    `rows_of` is the account beyond whose rows storage shows nothing (`by_account` in services.kit.postgres): a user's
    own, NOBODY for somebody without a token, empty where no account bounds the work (a service's call, an operator's,
    work outside an RPC).
    """

    caller: Caller = ANONYMOUS
    request_id: str = ""
    traceparent: str = ""
    deadline: float | None = None
    rows_of: str = ""


_NOTHING = CallContext()
_current: ContextVar[CallContext] = ContextVar("mesh_call", default=_NOTHING)

enter = _current.set
"""For the interceptor chain alone: begin an RPC's context in its own task."""


def current_call() -> CallContext:
    """The RPC under way; an empty one outside."""
    return _current.get()


def current_caller() -> Caller:
    """Who called the RPC under way; anonymous outside."""
    return _current.get().caller


@contextmanager
def acting_for(
    account_id: str,
    *,
    run_id: str = "",
    epoch: int = 0,
    scopes: tuple[str, ...] = (),
    request_id: str = "",
    deadline: float | None = None,
) -> Iterator[None]:
    """Work outside an RPC on behalf of an account: calls made inside carry it in their service token."""
    caller = Caller("service", account_id=account_id, run_id=run_id, epoch=epoch, scopes=frozenset(scopes))
    call = replace(_current.get(), caller=caller, deadline=deadline, rows_of="")
    token = _current.set(replace(call, request_id=request_id) if request_id else call)
    try:
        yield
    finally:
        _current.reset(token)
