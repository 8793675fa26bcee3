"""A mesh to do things to: the plan of `mesh up`, each part's wires led through proxies, restarts without end.

Layers, plan and supervision are the command's own; only what a process runs (`tests.chaos.process`) and the addresses
it is told are changed. The model is a fake server in this process, whose log says what was asked and answered.
"""

from __future__ import annotations

import asyncio
import random
import shutil
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import httpx
import redis.asyncio as redis

from services.cli import ports, probes
from services.cli.bringup import MonotonicTime
from services.cli.config import Settings, inherited_environment
from services.cli.identity import ProcessId
from services.cli.layout import DataDir
from services.cli.parts import Part
from services.cli.plan import SERVICES, Plan
from services.cli.process import PartProcess, spawn
from services.cli.restart import RestartPolicy
from services.cli.supervisor import Supervisor
from services.kit.auth import make_keys, sign_user_token
from services.kit.clock import SystemClock
from tests.chaos import audit
from tests.chaos.clocks import Clocks, clocks_in
from tests.chaos.orders import OrderBook
from tests.chaos.points import Injected
from tests.chaos.volume import mounted
from tests.chaos.wiring import Wires, front, rewired
from tests.fakes.llm.server import FakeLlm, serving
from tests.support.mesh import JWT_SECRET

LEASE_S, BEAT_S, SWEEP_S = 1.0, 0.3, 0.3
ZOMBIE_S = 2.5 * LEASE_S
"""Long enough to lose a lease."""
_PEOPLES_LEASE_S = 5.0
LEASES = {
    "MESH_LEASE_TTL_S": str(LEASE_S),
    "MESH_HEARTBEAT_S": str(BEAT_S),
    "MESH_SWEEP_S": str(SWEEP_S),
}
"""Short ones. Without them leases, heartbeats and sweeps are as people have them."""
TUNED = {
    "MESH_DRAIN_S": "2",
    "MESH_TOOL_LEASE_S": "1",
    "MESH_TOOL_BEAT_S": "0.3",
    "MESH_TOOL_SWEEP_S": "2",
    "MESH_TOOL_SANDBOX_PATIENCE_S": "20",
    "MESH_LOG_LEVEL": "info",
}
HOURS = {"MESH_RUN_TIMEOUT_S": str(4 * 3600)}
"""For runs that meet a clock an hour ahead: one whose deadline has passed by the database's clock ends."""
_ALWAYS_AGAIN = RestartPolicy(first_pause=0.05, longest_pause=0.05, deaths=1_000_000, window=0.001)
_UNFORESEEN = (b'"rpc.failed"', b'"task.failed"', b'"execution.crashed"')
_INJECTED = f"{Injected.__module__}.{Injected.__name__}".encode()
_HEALTHY_WITHIN_S = 90.0
_PUBLIC = "public"
"""Its port is reserved as all others are: wires dial so often that one of them could come to hold one that is not."""


class Watcher:
    """Knows each part's process, and whether it is well."""

    def __init__(self) -> None:
        self.pids: dict[str, int] = {}
        self.part_of: dict[int, str] = {}
        self.well: set[str] = set()
        self.deaths: list[tuple[str, str]] = []

    def starting(self, part: Part, process: ProcessId | None) -> None:
        self.well.discard(part.name)
        if process is not None:
            self.pids[part.name] = process.pid
            self.part_of[process.pid] = part.name

    def healthy(self, part: Part, after: float) -> None:
        self.well.add(part.name)

    def late(self, part: Part, after: float) -> None:
        self.well.discard(part.name)

    def died(self, part: Part, how: str, restart_in: float, deaths: int) -> None:
        self.well.discard(part.name)
        self.pids.pop(part.name, None)
        self.deaths.append((part.name, how))

    def replaced(self, part: Part, process: ProcessId | None, after: float) -> None:
        if process is not None:
            self.pids[part.name] = process.pid
            self.part_of[process.pid] = part.name

    def stopped(self, part: Part, how: str) -> None:
        self.pids.pop(part.name, None)


class Stage:
    """One mesh under chaos. `port`: the wire in front of the public one; `wires` by (client, server); `volume`:
    Postgres' own, that can be filled; `clocks`: those of its parts, where they can be moved."""

    def __init__(
        self,
        data: DataDir,
        port: int,
        parts: tuple[Part, ...],
        wires: Wires,
        model: FakeLlm,
        volume: Path | None,
        clocks: Clocks | None,
    ) -> None:
        self.data = data
        self.volume = volume
        self.clocks = clocks
        self.port = port
        self.wires = wires
        self.model = model
        self.parts = {part.name: part for part in parts}
        self.watcher = Watcher()
        self.supervisor = self._supervised()
        self.orders = OrderBook(data.root / "chaos")
        worker = self.parts[self.workers[0]]
        self.lease_s = float(worker.env.get("MESH_LEASE_TTL_S", _PEOPLES_LEASE_S))
        self.database_url = f"postgresql://postgres@/postgres?host={data.socket_dir('pg')}"
        self.redis_url = f"unix://{data.socket_dir('redis') / 'redis.sock'}"
        self._told: set[bytes] = set()

    def _supervised(self) -> Supervisor:
        return Supervisor(
            tuple(self.parts.values()),
            spawn=self._start,
            probe=probes.healthy,
            time=MonotonicTime(),
            watcher=self.watcher,
            policy=_ALWAYS_AGAIN,
            health_timeout=_HEALTHY_WITHIN_S,
        )

    async def _start(self, part: Part) -> PartProcess:
        def say(said: bytes) -> None:
            with open(self.data.log_of(part.name), "ab") as file:
                file.write(said)

        return await spawn(part, say)

    @property
    def workers(self) -> list[str]:
        """The parts that execute runs."""
        return [name for name in self.parts if name.startswith("agent-worker")]

    @property
    def services(self) -> list[str]:
        """The Python parts and Envoy."""
        return [name for name in self.parts if name not in ("postgres", "redis")]

    def client(self, sub: str) -> httpx.AsyncClient:
        """A REST client of one user."""
        token = sign_user_token(JWT_SECRET, {"sub": sub}, lifetime_s=7200, clock=SystemClock())
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=4)
        return httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{self.port}/v1",
            headers={"Authorization": f"Bearer {token}"},
            timeout=httpx.Timeout(20, pool=None),
            limits=limits,
            trust_env=False,
        )

    def kill(self, part: str, number: signal.Signals = signal.SIGKILL) -> bool:
        """Signals a part; whether it was there."""
        pid = self.watcher.pids.get(part)
        process = None if pid is None else ProcessId.of(pid)
        if process is None:
            return False
        process.send(number)
        return True

    async def flush_redis(self) -> bool:
        """FLUSHALL, when it is there; whether it had anything."""
        client = redis.from_url(self.redis_url)
        try:
            while True:
                try:
                    had = await client.dbsize()
                    await client.flushall()
                except (redis.ConnectionError, redis.BusyLoadingError):
                    await asyncio.sleep(0.05)
                else:
                    return had > 0
        finally:
            await client.aclose()

    def mend(self) -> None:
        """Every wire passes."""
        for wire in self.wires.values():
            wire.set("pass")

    async def healthy(self, parts: Iterable[str] | None = None, within_s: float = _HEALTHY_WITHIN_S) -> None:
        """Until these parts (all) are well."""
        wanted = set(self.parts if parts is None else parts)
        deadline = time.monotonic() + within_s
        while not wanted <= self.watcher.well:
            if time.monotonic() > deadline:
                said = {part: self.log_tail(part, 2000) for part in wanted - self.watcher.well}
                raise TimeoutError(f"not healthy: {said}")
            await asyncio.sleep(0.05)

    def unforeseen(self) -> Iterator[str]:
        """What the parts logged since the last time as a failure nobody foresaw, those aside that were injected."""
        for path in map(self.data.log_of, self.parts):
            lines = set(path.read_bytes().splitlines() if path.exists() else ()) - self._told
            for line in lines:
                if b'"level":"error"' in line and any(event in line for event in _UNFORESEEN) and _INJECTED not in line:
                    yield f"{path.stem}: {line[-1000:].decode(errors='replace')}"
            self._told |= lines

    def log_tail(self, part: str, size: int = 3000) -> str:
        """The last of what a part said."""
        path = self.data.log_of(part)
        return path.read_text(errors="replace")[-size:] if path.exists() else ""


@asynccontextmanager
async def staged(
    workers: int = 3, leases: Mapping[str, str] = LEASES, *, moving_clocks: bool = False
) -> AsyncIterator[Stage]:
    """Starts a mesh on free ports in a directory of its own; stops it and removes its data at the end."""
    with _directory() as place, mounted(place / "volume", place / "data" / "postgres") as volume:
        data = DataDir(place / "data")
        data.create()
        make_keys(data.keys, SERVICES)
        reserved = ports.Reservations(random.Random())
        port = reserved.reserve([_PUBLIC], {})[_PUBLIC]
        model = FakeLlm(flush_each=True)
        wires: Wires = {}
        clocks = clocks_in(place / "clocks") if moving_clocks else None
        async with serving(model):
            try:
                told = {**TUNED, **leases, **(HOURS if moving_clocks else {}), "OPENAI_API_BASE": model.url}
                parts = _planned(data, port, workers, told, reserved)
                rewired_parts = [await rewired(part, str(data.root / "chaos"), wires, clocks) for part in parts]
                stage = Stage(data, await front(port, wires), tuple(rewired_parts), wires, model, volume, clocks)
                async with _running(stage):
                    yield stage
            finally:
                reserved.close()
                for wire in wires.values():
                    await wire.close()


@asynccontextmanager
async def _running(stage: Stage) -> AsyncIterator[None]:
    until = asyncio.Event()
    running = asyncio.create_task(stage.supervisor.run(until), name="mesh")
    try:
        await stage.healthy()
        await audit.install(stage.database_url)
        yield
    finally:
        _wake_all(stage)
        stage.mend()
        until.set()
        try:
            await asyncio.wait_for(running, 60)
        except TimeoutError:
            stage.supervisor.kill()
            raise


def _wake_all(stage: Stage) -> None:
    for name in stage.services:
        stage.kill(name, signal.SIGCONT)


def _planned(
    data: DataDir, port: int, workers: int, told: dict[str, str], reserved: ports.Reservations
) -> tuple[Part, ...]:
    settings = Settings(
        _env_file=None,  # type: ignore[call-arg]
        mesh_http_port=port,
        mesh_workers=workers,
        mesh_data_dir=data.root,
        supabase_jwt_secret=JWT_SECRET,  # type: ignore[arg-type]
    )
    kept = {
        name: value
        for name, value in inherited_environment().items()
        if not name.startswith(
            ("MESH_", "DATABASE_URL", "REDIS_URL", "SUPABASE_", "ENV_MODE", "OPENAI_", "OPENROUTER_")
        )
    }
    plan = Plan(settings, data, kept | told)
    return plan.parts(reserved.reserve(plan.port_names(), {}))


@contextmanager
def _directory() -> Iterator[Path]:
    place = Path(tempfile.mkdtemp(prefix="mesh-chaos-"))
    place.chmod(0o711)
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)
