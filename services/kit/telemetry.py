"""What a process tells about itself: Prometheus metrics always, OpenTelemetry spans only where a collector is named.

Without OTEL_EXPORTER_OTLP_ENDPOINT no OpenTelemetry module is imported and no span object is made; an incoming
`traceparent` is still passed on and logged.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import Any, Protocol, TypeVar

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

from services.kit.config import MeshSettings

_Made = TypeVar("_Made")
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


def once(make: Callable[[], _Made]) -> Callable[[], _Made]:
    """Makes it when first asked, and once, though two threads ask at the same time."""
    made, making = cache(make), Lock()

    def get() -> _Made:
        with making:
            return made()

    return get


class RpcMetrics:
    """Durations, and with them counts, of RPCs by method and code."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._seconds = Histogram(
            "mesh_rpc_seconds",
            "Time from request to end of stream",
            ["method", "code"],
            buckets=_BUCKETS,
            registry=registry,
        )
        # Looking a child up by labels costs more than observing: remember them.
        self._children: dict[tuple[str, str], Histogram] = {}

    def observe(self, method: str, code: str, elapsed_s: float) -> None:
        """One RPC ended."""
        child = self._children.get((method, code))
        if child is None:
            child = self._children[method, code] = self._seconds.labels(method, code)
        child.observe(elapsed_s)


class StorageMetrics:
    """Statements and commits sent to Postgres by this process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.statements = Counter("mesh_pg_statements", "Statements sent to Postgres", registry=registry)
        self.commits = Counter("mesh_pg_commits", "Writing statements and transactions committed", registry=registry)


@once
def rpc_metrics() -> RpcMetrics:
    """This process' metrics: Prometheus' registry takes each name once."""
    return RpcMetrics(REGISTRY)


@once
def storage_metrics() -> StorageMetrics:
    """This process' metrics of Postgres."""
    return StorageMetrics(REGISTRY)


class BreakerMetrics:
    """Where this process' circuit breakers stand."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._open = Gauge("mesh_circuit_open", "1 where a breaker is not closed", ["dependency"], registry=registry)
        self._turns = Counter("mesh_circuit_turns", "Changes of state", ["dependency", "state"], registry=registry)
        self._rejected = Counter("mesh_circuit_rejected", "Calls that were not sent", ["dependency"], registry=registry)

    def turned(self, dependency: str, state: str) -> None:
        """A breaker changed its state."""
        self._open.labels(dependency).set(state != "closed")
        self._turns.labels(dependency, state).inc()

    def rejected(self, dependency: str) -> None:
        """A call was not sent."""
        self._rejected.labels(dependency).inc()


@once
def breaker_metrics() -> BreakerMetrics:
    """This process' metrics of circuit breakers."""
    return BreakerMetrics(REGISTRY)


class LimiterMetrics:
    """Starts of runs at the window of their account."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.refused = Counter("mesh_starts_limited", "Starts refused by the account's window", registry=registry)
        self.unchecked = Counter(
            "mesh_starts_unchecked", "Starts let in by this process alone: Redis is away", registry=registry
        )


@once
def limiter_metrics() -> LimiterMetrics:
    """This process' metrics of the window of starts."""
    return LimiterMetrics(REGISTRY)


@once
def _lag_gauge() -> Gauge:
    return Gauge("mesh_loop_lag_seconds", "Lateness of the event loop's timers", registry=REGISTRY)


class LoopLag:
    """A gauge of how late the event loop comes to its timers: the first sign of a blocked process."""

    def __init__(self, interval_s: float = 0.5) -> None:
        self._gauge = _lag_gauge()
        self._interval_s = interval_s
        self.last_s = 0.0

    async def run(self) -> None:
        """Measures for ever."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + self._interval_s
            await asyncio.sleep(self._interval_s)
            self.last_s = max(0.0, loop.time() - due)
            self._gauge.set(self.last_s)


class Tracing(Protocol):
    """Makes spans; only present where a collector is configured."""

    def server_span(self, method: str, traceparent: str) -> Any:
        """A context manager around an RPC, which gives the traceparent to pass on."""

    def close(self) -> None:
        """Flushes what was not sent yet."""


def open_tracing(settings: MeshSettings) -> Tracing | None:
    """Tracing to the configured collector; None, at no cost, where none is configured."""
    if not settings.otel_exporter_otlp_endpoint:
        return None
    return _OpenTelemetry(settings.service, settings.otel_exporter_otlp_endpoint)


class _OpenTelemetry:
    def __init__(self, service: str, endpoint: str) -> None:
        # Imported here: half a second of start-up that a process without a collector does not pay.
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.trace import SpanKind
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        exporter = OTLPSpanExporter(endpoint=endpoint, insecure=not endpoint.startswith("https://"))
        self._provider = TracerProvider(resource=Resource.create({"service.name": f"mesh.{service}"}))
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("mesh")
        self._propagator = TraceContextTextMapPropagator()
        self._kind = SpanKind.SERVER

    @contextmanager
    def server_span(self, method: str, traceparent: str) -> Iterator[str]:
        parent = self._propagator.extract({"traceparent": traceparent})
        attributes = {"rpc.system": "grpc", "rpc.method": method}
        with self._tracer.start_as_current_span(method, parent, kind=self._kind, attributes=attributes):
            carrier: dict[str, str] = {}
            self._propagator.inject(carrier)
            yield carrier.get("traceparent", traceparent)

    def close(self) -> None:
        self._provider.shutdown()
