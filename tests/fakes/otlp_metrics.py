"""A collector that takes OTLP metrics over real gRPC, or refuses them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from typing import Any

import grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc


class Collector(metrics_service_pb2_grpc.MetricsServiceServicer):
    """Keeps each request. `refusal`: the code that it answers instead."""

    def __init__(self) -> None:
        self.requests: list[Any] = []
        self.refusal: grpc.StatusCode | None = None

    def Export(self, request: Any, context: Any) -> Any:
        if self.refusal is not None:
            context.abort(self.refusal, "not now")
        self.requests.append(request)
        return metrics_service_pb2.ExportMetricsServiceResponse()

    def latest(self) -> dict[str, Any]:
        """The metrics of the last request by their name."""
        return {
            metric.name: metric
            for resource in self.requests[-1].resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }


@contextmanager
def serving(collector: Collector) -> Iterator[str]:
    """Its endpoint."""
    server = grpc.server(futures.ThreadPoolExecutor(1))
    add: Any = metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server  # it has no types
    add(collector, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"http://127.0.0.1:{port}"
    server.stop(None)
