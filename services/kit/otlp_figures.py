"""Figures as OpenTelemetry metrics, over OTLP/gRPC; headers, certificates and timeouts by the standard variables."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from services.kit.figures import Figure, NotTaken


class OtlpSink:
    """Sends to the collector at `endpoint`; connects when it first sends."""

    name = "otlp"

    def __init__(self, service: str, instance: str, endpoint: str) -> None:
        self._names = {"service.name": f"mesh.{service}", "service.instance.id": instance}
        self._endpoint = endpoint
        self._pipeline: _Pipeline | None = None

    def send(self, figures: Sequence[Figure]) -> None:
        if self._pipeline is None:
            self._pipeline = _Pipeline(self._endpoint, self._names)
        self._pipeline.send(figures)

    def close(self) -> None:
        if self._pipeline is not None:
            self._pipeline.close()


class _Pipeline:
    """The SDK's reader and exporter. The reader keeps no clock of its own, it exports what it is told to."""

    def __init__(self, endpoint: str, names: dict[str, str]) -> None:
        # Imported here: half a second that a process without a collector does not pay.
        from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import MetricExportResult, PeriodicExportingMetricReader
        from opentelemetry.sdk.resources import Resource

        pipeline = self

        class Exporter(OTLPMetricExporter):
            """The reader drops the result of an export."""

            def export(self, *arguments: Any, **options: Any) -> MetricExportResult:
                result = super().export(*arguments, **options)
                pipeline.taken = result is MetricExportResult.SUCCESS
                return result

        exporter = Exporter(endpoint=endpoint, insecure=not endpoint.startswith("https://"))
        reader = PeriodicExportingMetricReader(exporter, export_interval_millis=math.inf)
        self._provider = MeterProvider([reader], Resource.create(names), shutdown_on_exit=False)
        self._meter = self._provider.get_meter("mesh")
        self._figures: dict[str, Figure] = {}
        self._known: set[str] = set()
        self.taken = False

    def send(self, figures: Sequence[Figure]) -> None:
        self._figures = {figure.name: figure for figure in figures}
        for figure in figures:
            if figure.name not in self._known:
                self._observe(figure)
        self.taken = False
        self._provider.force_flush()
        if not self.taken:
            raise NotTaken("the collector is away, or refused them")

    def close(self) -> None:
        self._provider.shutdown()

    def _observe(self, figure: Figure) -> None:
        from opentelemetry.metrics import Observation

        def look(_: object) -> Iterable[Observation]:
            seen = self._figures.get(figure.name)
            return [Observation(seen.value)] if seen else []

        make = self._meter.create_observable_counter if figure.grows else self._meter.create_observable_gauge
        make(figure.name, [look], unit=figure.unit)
        self._known.add(figure.name)
