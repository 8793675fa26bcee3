"""What a check says is wrong."""

from __future__ import annotations

from typing import NamedTuple


class Violation(NamedTuple):
    """One thing that must never happen."""

    invariant: str
    run_id: str
    what: str
