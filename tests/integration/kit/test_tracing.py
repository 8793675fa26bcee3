"""With a collector there is one span per RPC, in the caller's trace; without one there is none of the machinery."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator
from concurrent import futures
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from mesh.threads.v1 import threads_pb2 as pb
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

from tests.support.echo import UUID, Echo, EchoSettings, EchoStub, building
from tests.support.harness import ServiceHarness, make_settings

TRACE = "0af7651916cd43dd8448eb211c80319c"


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """Keeps the spans that it is sent."""

    def __init__(self) -> None:
        self.spans: list[Any] = []

    def Export(self, request: Any, context: Any) -> Any:
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                self.spans += scope.spans
        return trace_service_pb2.ExportTraceServiceResponse()


@contextmanager
def serving(collector: Collector) -> Any:
    server = grpc.server(futures.ThreadPoolExecutor(1))
    add: Any = trace_service_pb2_grpc.add_TraceServiceServicer_to_server  # it has no types
    add(collector, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"http://127.0.0.1:{port}"
    server.stop(None)


@pytest.fixture
async def spans(tmp_path: Path) -> AsyncIterator[list[Any]]:
    """What one unary and one streaming call in a trace leave at the collector."""
    collector = Collector()
    with serving(collector) as endpoint:
        settings = make_settings(EchoSettings, tmp_path, otel_exporter_otlp_endpoint=endpoint)
        async with ServiceHarness(settings, building(Echo())) as harness:
            stub = harness.stub(EchoStub, "user")
            trace = (("traceparent", f"00-{TRACE}-b7ad6b7169203331-01"),)
            await stub.Unary(pb.GetProjectRequest(project_id=UUID), metadata=trace)
            async for _ in stub.Out(pb.GetProjectRequest(project_id=UUID), metadata=trace):
                pass
        yield collector.spans


async def test_each_rpc_is_a_span_in_its_callers_trace(spans: list[Any]) -> None:
    assert [span.name.rpartition("/")[2] for span in spans] == ["Unary", "Out"]
    assert {span.trace_id.hex() for span in spans} == {TRACE}
    assert {span.parent_span_id.hex() for span in spans} == {"b7ad6b7169203331"}


def test_without_a_collector_nothing_of_it_is_imported() -> None:
    program = "import sys, services.kit.lifecycle; sys.exit(any(m.startswith('opentelemetry') for m in sys.modules))"
    root = Path(__file__).resolve().parents[3]
    assert subprocess.run([sys.executable, "-c", program], cwd=root, check=False).returncode == 0
