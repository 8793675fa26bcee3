"""Readiness as it is: a process serves while each thing it depends on answers, and says so by grpc.health.v1."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from grpc_health.v1 import health_pb2
from grpc_health.v1._async import HealthServicer

from services.kit.errors import MeshError
from services.kit.logging import get_logger

log = get_logger()

ACCEPTING = "mesh.accepting"
"""Serving until this process leaves, whatever it depends on: by this, callers with a choice choose."""

_EVERY_S = 2.0
_PATIENCE_S = 2.0

ReadinessCheck = Callable[[], Awaitable[object]]
"""Asks one dependency; raises a MeshError, OSError or TimeoutError when it is away."""


class Readiness:
    """Asks all dependencies every two seconds and keeps the health service's answer true."""

    def __init__(self) -> None:
        self.servicer = HealthServicer()
        self._checks: dict[str, ReadinessCheck] = {}
        self._services: list[str] = [""]
        self._failing: dict[str, str] | None = None

    def add(self, name: str, check: ReadinessCheck) -> None:
        """One more dependency."""
        self._checks[name] = check

    def serve(self, services: list[str]) -> None:
        """The gRPC services whose health this is."""
        self._services = ["", *services]

    async def run(self) -> None:
        """Checks for ever."""
        while True:
            await self.refresh()
            await asyncio.sleep(_EVERY_S)

    async def refresh(self) -> None:
        """Asks once and publishes the answer; a change is logged with its reason."""
        reasons = await asyncio.gather(*(self._ask(check) for check in self._checks.values()))
        failing = {name: reason for name, reason in zip(self._checks, reasons, strict=True) if reason}
        if failing == self._failing:
            return
        if failing:
            log.warning("health.not_serving", failing=failing)
        elif self._failing:
            log.info("health.serving")
        self._failing = failing
        await self.servicer.set(ACCEPTING, health_pb2.HealthCheckResponse.SERVING)
        serving = health_pb2.HealthCheckResponse.ServingStatus
        for service in self._services:
            await self.servicer.set(service, serving.NOT_SERVING if failing else serving.SERVING)

    async def leave(self) -> None:
        """Not serving from now on, whatever the checks say."""
        await self.servicer.enter_graceful_shutdown()

    async def _ask(self, check: ReadinessCheck) -> str:
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await check()
        except (MeshError, OSError, TimeoutError) as away:
            return type(away).__name__
        return ""
