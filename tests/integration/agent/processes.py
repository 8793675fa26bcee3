"""Processes as operators are shown them."""

from __future__ import annotations

from typing import Any

from services.agent.domain.operations import BreakerState, ProcessState, WorkState


def worker_state(source: str = "worker", **values: Any) -> ProcessState:
    """A worker at ease, unless said otherwise."""
    work = WorkState(
        in_flight=2,
        level="normal",
        allowance=16,
        claim_rate=100.0,
        claim_burst=128,
        claim_tokens=126,
        claimed=2,
        waited=0,
    )
    given: dict[str, Any] = {
        "memory_share": 0.1,
        "loop_lag_s": 0.001,
        "buffered_rows": 0,
        "flush_mean_ms": 2.0,
        "flush_p99_ms": 9.0,
        "rejected": 0,
        "breakers": (BreakerState("billing", "closed", 10, 10),),
        "work": work,
    }
    return ProcessState(source, None, **(given | values))
