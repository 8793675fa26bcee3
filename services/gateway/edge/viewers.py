"""Who watches, and until when."""

from __future__ import annotations

from services.kit.auth.parsing import peek
from services.kit.clock import Clock
from services.kit.context import Caller


def viewer_of(caller: Caller, forwarded_for: str | None) -> str:
    """A key for counting: the user, or the address that the gateway saw where nobody is known."""
    if caller.subject:
        return caller.subject
    return (forwarded_for or "").rpartition(",")[2].strip() or "nobody"


def seconds_left(caller: Caller, clock: Clock) -> float | None:
    """How long the caller's token is good for, as verified before; None for somebody without one."""
    if not caller.token:
        return None
    return max(0.0, float(peek(caller.token).claims["exp"]) - clock.now().timestamp())
