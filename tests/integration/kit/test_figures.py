"""Figures over real wires: a collector, and a CloudWatch, that take them, refuse them, or are away."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest
from mesh.threads.v1 import threads_pb2 as pb
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from services.kit.cloudwatch import CloudWatchSink
from services.kit.figures import Figure, FigurePublisher, Sink
from services.kit.otlp_figures import OtlpSink
from tests.fakes import cloudwatch as fake_cloudwatch
from tests.fakes import otlp_metrics
from tests.fakes.cloudwatch import CloudWatch
from tests.fakes.otlp_metrics import Collector
from tests.support.echo import UUID, Echo, EchoSettings, EchoStub, building
from tests.support.harness import ServiceHarness, make_settings

AWAY = "http://127.0.0.1:1"


class Worker:
    """Something that has figures."""

    def __init__(self) -> None:
        self.claimed = 0

    def read(self) -> list[Figure]:
        return [Figure("in_flight", "{run}", 3), Figure("claimed", "{run}", self.claimed, grows=True)]


@pytest.fixture
def collector() -> Iterator[tuple[Collector, str]]:
    collector = Collector()
    with otlp_metrics.serving(collector) as endpoint:
        yield collector, endpoint


@pytest.fixture
def cloudwatch(monkeypatch: pytest.MonkeyPatch) -> Iterator[CloudWatch]:
    cloudwatch = CloudWatch()
    with fake_cloudwatch.serving(cloudwatch) as endpoint:
        _as_aws_client(monkeypatch, endpoint)
        yield cloudwatch


def _as_aws_client(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    named = {"ENDPOINT_URL": endpoint, "ACCESS_KEY_ID": "id", "SECRET_ACCESS_KEY": "key", "DEFAULT_REGION": "eu-west-1"}
    for name, value in named.items():
        monkeypatch.setenv(f"AWS_{name}", value)


def _unsent() -> float:
    return REGISTRY.get_sample_value("mesh_figures_unsent_total", {"sink": "otlp"}) or 0


async def _until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not true():
            await asyncio.sleep(0.02)


async def test_a_collector_gets_each_figure_with_its_unit(collector: tuple[Collector, str]) -> None:
    taken, endpoint = collector
    worker = Worker()
    worker.claimed = 5
    publisher = FigurePublisher(worker.read, [OtlpSink("agent", "host:1", endpoint)], 60)
    await publisher.publish()
    worker.claimed = 7
    await publisher.publish()
    publisher.close()
    metrics = taken.latest()
    assert (metrics["in_flight"].unit, metrics["in_flight"].gauge.data_points[0].as_int) == ("{run}", 3)
    assert metrics["claimed"].sum.is_monotonic
    assert metrics["claimed"].sum.data_points[0].as_int == 7
    names = {each.key: each.value.string_value for each in taken.requests[-1].resource_metrics[0].resource.attributes}
    assert (names["service.name"], names["service.instance.id"]) == ("mesh.agent", "host:1")


async def test_what_a_collector_refuses_is_counted_and_told_once(collector: tuple[Collector, str]) -> None:
    taken, endpoint = collector
    taken.refusal = grpc.StatusCode.PERMISSION_DENIED
    publisher = FigurePublisher(Worker().read, [OtlpSink("agent", "host:1", endpoint)], 60)
    before = _unsent()
    with capture_logs() as lines:
        await publisher.publish()
        await publisher.publish()
        taken.refusal = None
        await publisher.publish()
    publisher.close()
    assert [line["event"] for line in lines] == ["figures.not_taken", "figures.taken_again"]
    assert _unsent() == before + 2


async def test_cloudwatch_gets_the_growth_of_what_grows(cloudwatch: CloudWatch) -> None:
    worker = Worker()
    publisher = FigurePublisher(worker.read, [CloudWatchSink("Mesh", "agent", "host")], 60)
    for claimed in (5, 7):
        worker.claimed = claimed
        await publisher.publish()
    publisher.close()
    assert [put["Namespace"] for put in cloudwatch.puts] == ["Mesh", "Mesh"]
    assert cloudwatch.values() == {"in_flight": 3, "claimed": 2}
    data = cloudwatch.puts[-1]["MetricData"][0]
    assert (data["Unit"], {each["Name"]: each["Value"] for each in data["Dimensions"]}) == (
        "Count",
        {"Service": "agent", "Host": "host"},
    )


async def test_a_throttled_cloudwatch_is_asked_once_more(cloudwatch: CloudWatch) -> None:
    cloudwatch.refusals = [(400, "ThrottlingException")]
    CloudWatchSink("Mesh", "agent", "host").send(Worker().read())
    assert (cloudwatch.asked, len(cloudwatch.puts)) == (2, 1)


async def test_growth_that_cloudwatch_refused_is_in_the_next_sending(cloudwatch: CloudWatch) -> None:
    worker = Worker()
    publisher = FigurePublisher(worker.read, [CloudWatchSink("Mesh", "agent", "host")], 60)
    cloudwatch.refusals = [(403, "AccessDenied")]
    with capture_logs() as lines:
        for claimed in (5, 7):
            worker.claimed = claimed
            await publisher.publish()
    assert [(line["event"], line.get("why")) for line in lines] == [
        ("figures.not_taken", "AccessDenied"),
        ("figures.taken_again", None),
    ]
    assert cloudwatch.values()["claimed"] == 7


async def test_a_cloudwatch_that_is_away_fails_nothing_else(
    monkeypatch: pytest.MonkeyPatch, collector: tuple[Collector, str]
) -> None:
    _as_aws_client(monkeypatch, AWAY)
    sinks: list[Sink] = [CloudWatchSink("Mesh", "agent", "host"), OtlpSink("agent", "host:1", collector[1])]
    publisher = FigurePublisher(Worker().read, sinks, 60)
    with capture_logs() as lines:
        await publisher.publish()
    publisher.close()
    assert [(line["sink"], line["why"]) for line in lines] == [("cloudwatch", "EndpointConnectionError")]
    assert collector[0].latest()["in_flight"]


async def test_a_service_sends_its_figures_where_its_settings_say(
    tmp_path: Path, collector: tuple[Collector, str], cloudwatch: CloudWatch
) -> None:
    taken, endpoint = collector
    settings = make_settings(
        EchoSettings,
        tmp_path,
        otel_exporter_otlp_metrics_endpoint=endpoint,
        mesh_cloudwatch_namespace="Mesh",
        mesh_figures_s=0.05,
    )
    async with ServiceHarness(settings, building(Echo())):
        await _until(lambda: len(taken.requests) > 1 and cloudwatch.puts)
    told = {"mesh.memory.resident", "mesh.memory.share", "mesh.loop.lag"}
    assert told == set(taken.latest()) == set(cloudwatch.values())
    assert cloudwatch.values()["mesh.memory.resident"] > 2**20


async def test_a_service_whose_collector_is_away_serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.2")
    settings = make_settings(EchoSettings, tmp_path, otel_exporter_otlp_endpoint=AWAY, mesh_figures_s=0.01)
    before = _unsent()
    async with ServiceHarness(settings, building(Echo())) as harness:
        await _until(lambda: _unsent() > before)
        await harness.stub(EchoStub, "user").Unary(pb.GetProjectRequest(project_id=UUID))
