"""One canonical log line, one observation and, where tracing is on, one span per RPC, at the end of the stream."""

from __future__ import annotations

import asyncio
from typing import Any

from services.kit.clock import Clock
from services.kit.ids import IdSource
from services.kit.interceptors.chain import Call, Proceed
from services.kit.logging import canonical_writer
from services.kit.telemetry import RpcMetrics, Tracing

_MAX_REQUEST_ID = 128


class Telemetry:
    """The outermost interceptor: sees every answer, whoever gave it."""

    def __init__(self, service: str, metrics: RpcMetrics, tracing: Tracing | None, clock: Clock, ids: IdSource) -> None:
        self._metrics = metrics
        self._tracing = tracing
        self._clock = clock
        self._ids = ids
        self._write = canonical_writer(service)

    async def __call__(self, call: Call, proceed: Proceed) -> Any:
        started = self._clock.monotonic()
        call.request_id = self._request_id(call)
        call.traceparent = call.metadata.get("traceparent", "")
        try:
            if self._tracing is None:
                return await proceed(call)
            with self._tracing.server_span(call.method, call.traceparent) as call.traceparent:
                return await proceed(call)
        except asyncio.CancelledError:
            remaining = call.context.time_remaining()
            call.code = "DEADLINE_EXCEEDED" if remaining is not None and remaining <= 0 else "CANCELLED"
            raise
        finally:
            self._complete(call, self._clock.monotonic() - started)

    def _request_id(self, call: Call) -> str:
        given = call.metadata.get("x-request-id", "")
        return given if 0 < len(given) <= _MAX_REQUEST_ID and given.isprintable() else self._ids()

    def _complete(self, call: Call, elapsed_s: float) -> None:
        self._metrics.observe(call.method, call.code, elapsed_s)
        caller = call.caller
        self._write(
            "rpc.completed",
            method=call.method,
            code=call.code,
            reason=call.reason,
            duration_ms=round(elapsed_s * 1000, 3),
            messages_in=call.messages_in,
            messages_out=call.messages_out,
            request_id=call.request_id,
            trace_id=call.traceparent[3:35],
            caller=caller.service or caller.kind,
            account_id=caller.account_id,
        )
