"""The figures of an agent's process, as a collector gets them."""

from __future__ import annotations

import asyncio

from tests.fakes.otlp_metrics import Collector, serving
from tests.integration.agent.conftest import MakeAgent


async def test_an_agent_that_does_both_tells_its_queue_and_its_runs(make_agent: MakeAgent) -> None:
    collector = Collector()
    with serving(collector) as endpoint:
        await make_agent("all", otel_exporter_otlp_metrics_endpoint=endpoint, mesh_figures_s=0.05)
        async with asyncio.timeout(20):
            while not collector.requests:
                await asyncio.sleep(0.02)
        told = collector.latest()
    assert {"mesh.loop.lag", "mesh.agent.queue.length", "mesh.agent.runs.in_flight"} <= told.keys()
    assert told["mesh.agent.runs.allowance"].gauge.data_points[0].as_int > 0
