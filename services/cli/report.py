"""How a mesh is, as data: what its state file says, and what each part answers right now.

The sandbox's level of isolation is read off its metrics, `mesh_sandbox_isolation_info{level="cgroup"}`.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass
from urllib.parse import urlsplit

import httpx
import psutil
from prometheus_client.parser import text_string_to_metric_families

from . import probes
from .state import MeshState, PartStatus, Phase

_SANDBOX_METRICS = ("sandbox-metrics", "sandbox-metrics-twin")
_ISOLATION = "mesh_sandbox_isolation_info"


@dataclass(frozen=True)
class PartReport:
    """One part now: `uptime_s` since its last start or change, `memory_mb` resident, of the process alone."""

    state: str
    healthy: bool
    pid: int | None
    uptime_s: float
    restarts: int
    memory_mb: float
    address: str


@dataclass(frozen=True)
class MeshReport:
    """The whole mesh now."""

    running: bool
    phase: Phase
    url: str
    pid: int | None
    uptime_s: float
    parts: dict[str, PartReport]
    ports: dict[str, int]
    sandbox_level: str | None

    @property
    def healthy(self) -> bool:
        return self.running and all(part.healthy for part in self.parts.values())

    def as_dict(self) -> dict[str, object]:
        return {**asdict(self), "healthy": self.healthy}


async def report(state: MeshState, now: float) -> MeshReport:
    """Ask all parts at once. `now` in Unix seconds."""
    alive = state.alive()
    asked = [_part(status, now) for status in state.parts.values()] if alive else []
    return MeshReport(
        running=alive,
        phase=state.phase if alive else Phase.STOPPED,
        url=state.url,
        pid=state.supervisor.pid if alive and state.supervisor else None,
        uptime_s=now - state.since if alive else 0.0,
        parts=dict(zip(state.parts, await asyncio.gather(*asked), strict=False)),
        ports=state.ports,
        sandbox_level=await _sandbox_level(state.ports) if alive else None,
    )


async def _part(status: PartStatus, now: float) -> PartReport:
    process = status.process
    return PartReport(
        state=status.state,
        healthy=process is not None and await probes.healthy(status.probe),
        pid=process.pid if process else None,
        uptime_s=max(0.0, now - status.since),
        restarts=status.restarts,
        memory_mb=_memory_mb(process.pid) if process else 0.0,
        address=_address(status.probe),
    )


async def _sandbox_level(ports: dict[str, int]) -> str | None:
    """None where the sandbox doesn't say."""
    said = [await _level_said(ports[name]) for name in _SANDBOX_METRICS if name in ports]
    return next(filter(None, said), None)


async def _level_said(port: int) -> str | None:
    try:
        async with httpx.AsyncClient(timeout=2.0, trust_env=False) as client:
            answer = await client.get(f"http://127.0.0.1:{port}/metrics")
    except httpx.HTTPError:
        return None
    samples = (sample for family in text_string_to_metric_families(answer.text) for sample in family.samples)
    return next((sample.labels["level"] for sample in samples if sample.name == _ISOLATION), None)


def _memory_mb(pid: int) -> float:
    try:
        return round(psutil.Process(pid).memory_info().rss / 2**20, 1)
    except psutil.Error:
        return 0.0


def _address(probe: str) -> str:
    where = urlsplit(probe)
    return where.netloc or f"unix:{where.path}"
