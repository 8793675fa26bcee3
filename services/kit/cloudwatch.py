"""Figures as CloudWatch metrics. Region, credentials and endpoint are those of every AWS client: AWS_* or ~/.aws.

CloudWatch adds up what it is sent, so a figure that grows is sent as its growth since the last time it was taken. One
dimension names the service and one the host: a process' own would be a new, paid for, metric at each restart.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from services.kit.figures import Figure, NotTaken

_UNITS = {"s": "Seconds", "By": "Bytes", "1": "None"}
_CONNECT_S, _READ_S, _ATTEMPTS = 2, 3, 2


class CloudWatchSink:
    """Sends to `namespace`; the client is made when it first sends."""

    name = "cloudwatch"

    def __init__(self, namespace: str, service: str, host: str) -> None:
        self._namespace = namespace
        self._dimensions = [{"Name": "Service", "Value": service}, {"Name": "Host", "Value": host}]
        self._client: Any = None
        self._taken: dict[str, float] = {}

    def send(self, figures: Sequence[Figure]) -> None:
        # Imported here: a third of a second that a process without CloudWatch does not pay.
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            if self._client is None:
                self._client = _client()
            self._client.put_metric_data(Namespace=self._namespace, MetricData=list(self._data(figures)))
        except ClientError as refused:
            raise NotTaken(refused.response["Error"]["Code"]) from refused
        except BotoCoreError as away:
            raise NotTaken(type(away).__name__) from away
        self._taken = {figure.name: figure.value for figure in figures if figure.grows}

    def close(self) -> None:
        if self._client is not None:
            self._client.close()

    def _data(self, figures: Sequence[Figure]) -> Iterator[dict[str, Any]]:
        for figure in figures:
            yield {
                "MetricName": figure.name,
                "Dimensions": self._dimensions,
                "Unit": _UNITS.get(figure.unit, "Count"),
                "Value": figure.value - self._taken.get(figure.name, 0.0) if figure.grows else figure.value,
            }


def _client() -> Any:
    import boto3
    from botocore.config import Config

    return boto3.client(
        "cloudwatch",
        config=Config(
            connect_timeout=_CONNECT_S,
            read_timeout=_READ_S,
            retries={"total_max_attempts": _ATTEMPTS, "mode": "standard"},
        ),
    )
