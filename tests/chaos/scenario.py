"""How it is done to a mesh: each fault injects itself, tells whether it was felt, and mends what it broke.

`light` faults overlap with others; a `heavy` one, which everything feels, has the mesh to itself.
"""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Final

import asyncpg

from tests.chaos.clocks import Clocks
from tests.chaos.findings import Violation
from tests.chaos.hours import is_moved
from tests.chaos.orders import Action, Order, Taken
from tests.chaos.outage import Owners
from tests.chaos.points import ON_THE_WAY_OUT, POINTS
from tests.chaos.proxy import Mode, Wire
from tests.chaos.stage import LEASE_S, ZOMBIE_S, Stage
from tests.chaos.volume import fill
from tests.chaos.wiring import PEOPLE

_REACHED_WITHIN_S: Final = 15.0
_PASSED_WITHIN_S: Final = 5.0
"""How long a bent wire is given for something to come by."""
_FULL: Final = b"No space left on device"
_WRONG_FOR_S: Final = 3.0
ROLLING: Final = "rolling restart"


@dataclass
class Log:
    """What was injected, by kind and place, and who died or slept of it."""

    done: Counter[tuple[str, str]] = field(default_factory=Counter)
    missed: Counter[tuple[str, str]] = field(default_factory=Counter)
    """What nobody can have felt: its point was not reached in time, or nothing passed by."""
    crashes: list[Taken] = field(default_factory=list)
    outlived: int = 0
    """Live runs at the beginning of outages of Postgres, whose owners lived through it."""
    violations: list[Violation] = field(default_factory=list)

    @property
    def injected(self) -> Counter[str]:
        """How many of each kind."""
        return by_kind(self.done)


def by_kind(places: Counter[tuple[str, str]]) -> Counter[str]:
    """Sums up over places."""
    kinds: Counter[str] = Counter()
    for (kind, _), number in places.items():
        kinds[kind] += number
    return kinds


@dataclass(frozen=True)
class Fault:
    """One thing to do. `kind` is its row in the table; `inject` says whether it was felt."""

    kind: str
    where: str
    inject: Callable[[Director], Awaitable[bool]]
    heavy: bool = False


class Director:
    """Does faults to one stage."""

    def __init__(self, stage: Stage, dice: random.Random) -> None:
        self.stage = stage
        self.dice = dice
        self.log = Log()
        self._numbers = count(1)
        self._points: dict[str, asyncio.Lock] = {point: asyncio.Lock() for point in POINTS}

    async def do(self, fault: Fault) -> None:
        """Injects it and writes it down."""
        happened = await fault.inject(self)
        (self.log.done if happened else self.log.missed)[fault.kind, fault.where] += 1

    async def order(
        self, point: str, action: Action, seconds: float = 0.0, outside: Callable[[], Awaitable[bool]] | None = None
    ) -> bool:
        """Has the next process at a point do something; `outside`: what is done while it waits there, and whether it
        was felt."""
        order = Order(f"{next(self._numbers)}-{time.time_ns()}", action, seconds)
        async with self._points[point]:
            self.stage.orders.lay(point, order)
            if point in ON_THE_WAY_OUT:
                self.stage.kill(self.dice.choice(self.stage.workers), signal.SIGTERM)
            taken = await self._taken(order)
            if taken is None:
                self.stage.orders.withdraw(point)
                taken = self.stage.orders.taken(order.order_id)
        if taken is None:
            return False
        return await self._follow_up(action, taken, outside)

    async def _taken(self, order: Order) -> Taken | None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_REACHED_WITHIN_S):
                while (taken := self.stage.orders.taken(order.order_id)) is None:
                    await asyncio.sleep(0.02)
                return taken
        return None

    async def _follow_up(self, action: Action, taken: Taken, outside: Callable[[], Awaitable[bool]] | None) -> bool:
        if action in ("kill", "pause"):
            self.log.crashes.append(taken)
        if action == "pause":
            await asyncio.sleep(ZOMBIE_S)
            part = self.stage.watcher.part_of.get(taken.pid)
            if part is not None:
                self.stage.kill(part, signal.SIGCONT)
        try:
            return True if outside is None else await outside()
        finally:
            if action == "wait":
                self.stage.orders.go(taken.order_id)

    async def kill(self, part: str) -> bool:
        """kill -9."""
        pid = self.stage.watcher.pids.get(part, 0)
        if not self.stage.kill(part):
            return False
        self.log.crashes.append(Taken("", part, pid, time.time()))
        return True

    async def pause(self, part: str, seconds: float) -> bool:
        """SIGSTOP, and SIGCONT later."""
        pid = self.stage.watcher.pids.get(part, 0)
        if not self.stage.kill(part, signal.SIGSTOP):
            return False
        self.log.crashes.append(Taken("", part, pid, time.time()))
        await asyncio.sleep(seconds)
        self.stage.kill(part, signal.SIGCONT)
        return True

    async def crowd(self, what: Callable[[str], Awaitable[bool]]) -> bool:
        """Something befalls half of the workers at once: all others contend for their runs."""
        workers = self.stage.workers
        happened = await asyncio.gather(*map(what, self.dice.sample(workers, len(workers) // 2)))
        await asyncio.sleep(LEASE_S)
        await self.stage.healthy(workers)
        return all(happened)

    async def bend(self, wire: tuple[str, str], mode: Mode, seconds: float) -> bool:
        """A wire is in another mode, for so long from the first that comes by; whether anything did in time."""
        bent = self.stage.wires[wire]
        async with bent.bent(mode):
            with suppress(TimeoutError):
                async with asyncio.timeout(_PASSED_WITHIN_S):
                    while not bent.harm:
                        await asyncio.sleep(0.02)
            if bent.harm:
                await asyncio.sleep(seconds)
        return bent.harm > 0

    def _wires(self, meant: Callable[[str, str], bool]) -> list[Wire]:
        """In one order, so that nobody waits for who waits for him."""
        return [wire for ends, wire in self.stage.wires.items() if meant(*ends)]

    @asynccontextmanager
    async def _cut(self, wires: Sequence[Wire]) -> AsyncIterator[None]:
        """All at once: none is cut before every one is held."""
        async with AsyncExitStack() as cut:
            for wire in wires:
                await cut.enter_async_context(wire.held)
            for wire in wires:
                cut.enter_context(wire.in_mode("cut"))
            yield

    async def reconnect_storm(self) -> bool:
        """Every client of the gateway, and the gateway's own connections, are cut five times in a row."""
        wires = self._wires(lambda client, _: client in (PEOPLE, "envoy", "edge"))
        people = self.stage.wires[PEOPLE, "envoy"]
        felt = 0
        for _ in range(5):
            async with self._cut(wires):
                await asyncio.sleep(0.1)
                felt += people.harm > 0
            await asyncio.sleep(0.3)
        return felt > 0

    async def cut_wires(self) -> bool:
        """All wires of a worker, for half a lease."""
        worker = self.dice.choice(self.stage.workers)
        wires = self._wires(lambda client, _: client == worker)
        async with self._cut(wires):
            await asyncio.sleep(LEASE_S / 2)
            return any(wire.harm for wire in wires)

    async def kill_and_wait(self, part: str) -> bool:
        """A part dies, if it is there, and is started again; it is well when this returns."""
        was_there = self.stage.kill(part)
        await asyncio.sleep(0.05)
        await self.stage.healthy([part])
        return was_there

    async def stop_postgres(self, number: signal.Signals) -> bool:
        """One way for Postgres to end; it is started again at once."""
        if not self.stage.kill("postgres", number):
            return False
        await asyncio.sleep(0.1)
        await self.stage.healthy(["postgres"])
        return True

    async def postgres_away(self, seconds: float, *, anew: bool = False) -> bool:
        """No connection to Postgres, from anywhere, for a time. Nobody who lives through it may lose a run to it;
        `anew`: nor to a worker that dies meanwhile, and begins anew without an outage that it could have seen."""
        wires = self._wires(lambda _, server: server == "postgres")
        await asyncio.sleep(self.stage.lease_s)  # whose lease still runs then has renewed it, and executes the run
        owners = await Owners.now(self.stage.database_url)
        async with self._cut(wires):
            already = self.dice.uniform(0, seconds / 2)
            await asyncio.sleep(already)
            # Not written down as a crash: its own runs are taken over when Postgres is back, however long that is.
            died = self.stage.kill(self.dice.choice(self.stage.workers)) if anew else True
            await asyncio.sleep(seconds - already)
            felt = died and any(wire.harm for wire in wires)
        await self.stage.healthy(self.stage.workers)
        await asyncio.sleep(2 * self.stage.lease_s)
        self.log.outlived += owners.outlived
        self.log.violations += [
            Violation("outage", run_id, what) async for run_id, what in owners.robbed(self.stage.database_url)
        ]
        return felt

    async def fill_disk(self, volume: Path, seconds: float) -> bool:
        """Postgres' volume has nothing left for a time; whether Postgres missed it."""
        ballast, told = volume / "ballast", self._refusals_of_disk()
        try:
            await asyncio.to_thread(fill, ballast)
            await asyncio.sleep(seconds)
        finally:
            ballast.unlink()
        await self.stage.healthy(["postgres"])
        return self._refusals_of_disk() > told

    def _refusals_of_disk(self) -> int:
        return self.stage.data.log_of("postgres").read_bytes().count(_FULL)

    async def move(self, clocks: Clocks, parts: Iterable[str], seconds: float) -> bool:
        """The system tells these parts another time for a while; whether one was seen to believe it. A worker dies
        meanwhile: what it leaves behind was stamped by that clock, and is found by those who have the right one again.
        """
        parts = list(parts)
        clocks.move(parts, seconds)
        await asyncio.sleep(_WRONG_FOR_S / 2)
        seen = [await is_moved(self.stage, part, seconds) for part in parts]
        await self.kill(self.dice.choice(self.stage.workers))
        await asyncio.sleep(_WRONG_FOR_S / 2)
        clocks.move(parts, 0)
        await self.stage.healthy()
        return any(seen)

    async def storm(self) -> bool:
        """Every connection that Postgres has left is taken; whether it had to refuse one."""
        held: list[asyncpg.Connection[asyncpg.Record]] = []
        refused = False
        try:
            while len(held) < 250:
                held.append(await asyncpg.connect(self.stage.database_url, timeout=2))
        except asyncpg.TooManyConnectionsError:
            refused = True
            await asyncio.sleep(2)
        except (asyncpg.PostgresError, OSError, TimeoutError):
            pass
        finally:
            for connection in held:
                connection.terminate()
        return refused

    async def restart(self, part: str) -> bool:
        """SIGTERM, out of the blue; well again when this returns."""
        if not self.stage.kill(part, signal.SIGTERM):
            return False
        while part in self.stage.watcher.well:
            await asyncio.sleep(0.02)
        await self.stage.healthy([part])
        return True

    async def replace(self, part: str) -> bool:
        """An orderly restart, as `mesh restart` does it."""
        await self.stage.supervisor.restart(part)
        return True
