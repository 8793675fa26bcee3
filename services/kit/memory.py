"""The memory of this process beside what it may have, and a watchdog that says so before the kernel does."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Final

import psutil
from prometheus_client import REGISTRY, Gauge

from services.kit.logging import get_logger

log = get_logger()

_CGROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
_EVERY_S: Final = 5.0
_INFO, _WARNING, _CRITICAL = 0.70, 0.80, 0.90


class Pressure(StrEnum):
    """How near the limit is: from 70 %, 80 % and 90 % of it."""

    NORMAL = "normal"
    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class MemoryWatchdog:
    """Samples every five seconds; `share` is resident memory as a part of the limit, 0 before the first sample.

    `limit_mib` 0: what the container is given, else what the machine has.
    """

    def __init__(self, limit_mib: int = 0) -> None:
        self._process = psutil.Process()
        self.limit_bytes = limit_mib * 2**20 or available_bytes()
        self.share = 0.0
        self.pressure = Pressure.NORMAL

    async def run(self) -> None:
        """Watches for ever."""
        while True:
            self.sample()
            await asyncio.sleep(_EVERY_S)

    def sample(self) -> None:
        """Looks once; a change is logged."""
        resident = self._process.memory_info().rss
        self.share = resident / self.limit_bytes
        _gauge().set(self.share)
        pressure = _pressure(self.share)
        if pressure is not self.pressure:
            self.pressure = pressure
            level = {Pressure.WARNING: log.warning, Pressure.CRITICAL: log.critical}.get(pressure, log.info)
            level("memory.pressure", pressure=pressure, resident_mib=resident >> 20, limit_mib=self.limit_bytes >> 20)


def available_bytes() -> int:
    """The least of the machine's memory and its cgroup's limit."""
    limits = [int(text) for path in _CGROUP_LIMITS if path.exists() and (text := path.read_text().strip()).isdigit()]
    return min([psutil.virtual_memory().total, *limits])


def _pressure(share: float) -> Pressure:
    if share >= _CRITICAL:
        return Pressure.CRITICAL
    if share >= _WARNING:
        return Pressure.WARNING
    return Pressure.INFO if share >= _INFO else Pressure.NORMAL


@cache
def _gauge() -> Gauge:
    return Gauge("mesh_memory_share", "Resident memory as a part of the limit", registry=REGISTRY)
