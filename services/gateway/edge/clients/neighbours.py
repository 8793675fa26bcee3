"""The health of the neighbours, as each says it itself: their readiness covers their Postgres and Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2_grpc import HealthStub

from services.gateway.edge.ports import Neighbours
from services.kit.errors import MeshError

_PATIENCE_S = 3.0


class HealthOfNeighbours(Neighbours):
    """Asks all of them at once."""

    def __init__(self, stubs: Mapping[str, HealthStub]) -> None:
        self._stubs = stubs

    async def ask(self) -> dict[str, str]:
        answers = await asyncio.gather(*(self._one(stub) for stub in self._stubs.values()))
        return dict(zip(self._stubs, answers, strict=True))

    async def _one(self, stub: HealthStub) -> str:
        try:
            answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=_PATIENCE_S)
        except MeshError as away:
            return away.reason.lower()
        return "healthy" if answer.status == health_pb2.HealthCheckResponse.SERVING else "not_ready"
