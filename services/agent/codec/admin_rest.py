"""What operators see where REST wants an array, names as keys, or a text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from google.api.httpbody_pb2 import HttpBody
from prometheus_client import CONTENT_TYPE_LATEST

from services.agent.codec.admin import breaker_stats, limiters
from services.agent.codec.runs import iso
from services.agent.domain.operations import BreakerState, DeadLetter, ProcessState, RunDetail


def stuck_body(runs: Sequence[RunDetail]) -> HttpBody:
    """GET /v1/admin/stateless/stuck."""
    return _json(
        [
            {
                "run_id": run.run_id,
                "thread_id": run.thread_id,
                "owner": run.owner,
                "status": run.status,
                "heartbeat": iso(run.heartbeat),
                "heartbeat_age": run.heartbeat_age,
                "start": iso(run.start),
                "duration": run.duration,
                "reason": run.reason,
            }
            for run in runs
        ]
    )


def letters_body(letters: Sequence[DeadLetter]) -> HttpBody:
    """GET /v1/admin/stateless/dlq/entries."""
    return _json(
        [
            {
                "entry_id": str(letter.letter_id),
                "run_id": letter.run_id,
                "write_type": letter.kind,
                "error": letter.error,
                "attempt_count": letter.attempts,
                "created_at": iso(letter.created_at),
                "failed_at": iso(letter.failed_at),
            }
            for letter in letters
        ]
    )


def breakers_body(breakers: Sequence[BreakerState]) -> HttpBody:
    """GET /v1/admin/stateless/circuit-breakers."""
    return _json(
        {
            breaker.name: {
                "name": breaker.name,
                "state": breaker.state,
                "stats": breaker_stats(breaker),
                "opened_at": breaker.opened_at,
                "retry_after": breaker.retry_after,
            }
            for breaker in breakers
        }
    )


def limiters_body(processes: Sequence[ProcessState]) -> HttpBody:
    """GET /v1/admin/stateless/rate-limiters."""
    return _json(limiters(processes))


def metrics_body(text: bytes) -> HttpBody:
    """GET /v1/admin/stateless/metrics."""
    return HttpBody(content_type=CONTENT_TYPE_LATEST, data=text)


def _json(value: Any) -> HttpBody:
    return HttpBody(content_type="application/json", data=orjson.dumps(value, default=str))
