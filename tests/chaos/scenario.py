"""What is done to a mesh: each fault injects itself, waits until it happened, and mends what it broke.

`light` faults overlap with others; a `heavy` one, which everything feels, has the mesh to itself.
"""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from typing import Final

import asyncpg

from tests.chaos.clocks import READ_WITHIN_S, Clocks
from tests.chaos.orders import Action, Order, Taken
from tests.chaos.points import ON_THE_WAY_OUT, POINTS
from tests.chaos.proxy import Mode
from tests.chaos.stage import LEASE_S, Stage
from tests.chaos.volume import fill

_REACHED_WITHIN_S: Final = 15.0
_ZOMBIE_S: Final = 2.5 * LEASE_S
ROLLING: Final = "rolling restart"
_HOUR_S: Final = 3600.0
_DISK_FULL: Final = "disk of Postgres full"
_MACHINES_CLOCK: Final = "clock of the machine moved by an hour"
NEEDS: Final = {
    _MACHINES_CLOCK: "needs libfaketime",
    _DISK_FULL: "needs a volume that can be mounted",
}
"""What is not run where something of the machine is not there."""


@dataclass
class Log:
    """What was injected, and who died or slept of it."""

    injected: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    crashes: list[Taken] = field(default_factory=list)


@dataclass(frozen=True)
class Fault:
    """One thing to do. `kind` is its row in the table; `inject` says whether it happened."""

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
        (self.log.injected if happened else self.log.missed)[fault.kind] += 1

    async def order(
        self, point: str, action: Action, seconds: float = 0.0, outside: Callable[[], Awaitable[None]] | None = None
    ) -> bool:
        """Has the next process at a point do something; `outside`: what is done while it waits there."""
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
        await self._follow_up(action, taken, outside)
        return True

    async def _taken(self, order: Order) -> Taken | None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_REACHED_WITHIN_S):
                while (taken := self.stage.orders.taken(order.order_id)) is None:
                    await asyncio.sleep(0.02)
                return taken
        return None

    async def _follow_up(self, action: Action, taken: Taken, outside: Callable[[], Awaitable[None]] | None) -> None:
        if action in ("kill", "pause"):
            self.log.crashes.append(taken)
        if action == "pause":
            await asyncio.sleep(_ZOMBIE_S)
            part = self.stage.watcher.part_of.get(taken.pid)
            if part is not None:
                self.stage.kill(part, signal.SIGCONT)
        if action == "wait":
            try:
                if outside is not None:
                    await outside()
            finally:
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
        """A wire is in another mode for a time."""
        self.stage.wires[wire].set(mode)
        await asyncio.sleep(seconds)
        self.stage.wires[wire].set("pass")
        return True

    async def reconnect_storm(self) -> bool:
        """Every client of the gateway, and the gateway's own connections, are cut five times in a row."""
        wires = [wire for (client, _), wire in self.stage.wires.items() if client in ("envoy", "edge")]
        for _ in range(5):
            for wire in wires:
                wire.set("cut")
            await asyncio.sleep(0.1)
            for wire in wires:
                wire.set("pass")
            await asyncio.sleep(0.3)
        return True

    async def cut_wires(self) -> None:
        """All wires of a worker, for half a lease."""
        worker = self.dice.choice(self.stage.workers)
        mine = [wire for (client, _), wire in self.stage.wires.items() if client == worker]
        for wire in mine:
            wire.set("cut")
        await asyncio.sleep(LEASE_S / 2)
        for wire in mine:
            wire.set("pass")

    async def kill_and_wait(self, part: str) -> None:
        """A part dies and is started again; it is well when this returns."""
        self.stage.kill(part)
        await asyncio.sleep(0.05)
        await self.stage.healthy([part])

    async def stop_postgres(self, number: signal.Signals) -> bool:
        """One way for Postgres to end; it is started again at once."""
        if not self.stage.kill("postgres", number):
            return False
        await asyncio.sleep(0.1)
        await self.stage.healthy(["postgres"])
        return True

    async def postgres_away(self, seconds: float) -> bool:
        """No connection to Postgres, from anywhere, for a time."""
        wires = [wire for (_, server), wire in self.stage.wires.items() if server == "postgres"]
        for wire in wires:
            wire.set("cut")
        await asyncio.sleep(seconds)
        for wire in wires:
            wire.set("pass")
        return True

    async def fill_disk(self, volume: Path, seconds: float) -> bool:
        """Postgres' volume has nothing left for a time."""
        ballast = volume / "ballast"
        try:
            await asyncio.to_thread(fill, ballast)
            await asyncio.sleep(seconds)
        finally:
            ballast.unlink()
        await self.stage.healthy(["postgres"])
        return True

    async def move(self, clocks: Clocks, parts: Iterable[str], seconds: float) -> bool:
        """The system tells these parts another time for a while. A worker dies meanwhile: what it leaves behind was
        stamped by that clock, and is found by those who have the right one again."""
        parts = list(parts)
        clocks.move(parts, seconds)
        await asyncio.sleep(2 * READ_WITHIN_S)
        await self.kill(self.dice.choice(self.stage.workers))
        await asyncio.sleep(READ_WITHIN_S)
        clocks.move(parts, 0)
        await asyncio.sleep(READ_WITHIN_S)
        await self.stage.healthy()
        return True

    async def storm(self) -> bool:
        """Every connection that Postgres has left is taken."""
        held: list[asyncpg.Connection[asyncpg.Record]] = []
        try:
            with suppress(asyncpg.PostgresError, OSError, TimeoutError):
                while len(held) < 250:
                    held.append(await asyncpg.connect(self.stage.database_url, timeout=2))
            await asyncio.sleep(2)
        finally:
            for connection in held:
                connection.terminate()
        return bool(held)

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


def at_points() -> Iterator[Fault]:
    """Kill, pause, exception, absence, delay, blocked loop, wrong clock, wipe and cut at every fault point."""
    for point in POINTS:
        yield Fault("kill -9 at a fault point", point, lambda d, p=point: d.order(p, "kill"))  # type: ignore[misc]
        yield Fault("SIGSTOP past the lease at a fault point", point, lambda d, p=point: d.order(p, "pause"))  # type: ignore[misc]
        yield Fault("exception at a fault point", point, lambda d, p=point: d.order(p, "error"))  # type: ignore[misc]
        if POINTS[point] != "tool":
            yield Fault("absence at a fault point", point, lambda d, p=point: d.order(p, "away"))  # type: ignore[misc]
        yield Fault("delay at a fault point", point, lambda d, p=point: d.order(p, "delay", 1.5 * LEASE_S))  # type: ignore[misc]
        yield Fault("event loop blocked at a fault point", point, lambda d, p=point: d.order(p, "block", 2 * LEASE_S))  # type: ignore[misc]
        yield Fault("clock of a process moved by an hour at a fault point", point, _moved(point))
        yield Fault("Redis wiped at a fault point", point, _wipe(point))
        yield Fault("Redis killed at a fault point", point, _redis_killed(point))
        yield Fault("a worker's wires cut at a fault point", point, _cut(point))


def _moved(point: str) -> Callable[[Director], Awaitable[bool]]:
    return lambda d: d.order(point, "clock", d.dice.choice((-_HOUR_S, _HOUR_S)))


def _wipe(point: str) -> Callable[[Director], Awaitable[bool]]:
    return lambda d: d.order(point, "wait", outside=d.stage.flush_redis)


def _redis_killed(point: str) -> Callable[[Director], Awaitable[bool]]:
    return lambda d: d.order(point, "wait", outside=lambda: d.kill_and_wait("redis"))


def _cut(point: str) -> Callable[[Director], Awaitable[bool]]:
    return lambda d: d.order(point, "wait", outside=d.cut_wires)


def on_wires(stage: Stage) -> Iterator[Fault]:
    """Each wire in each mode."""
    modes: dict[Mode, tuple[str, float]] = {
        "cut": ("wire cut", 0.5),
        "stall": ("wire stalled", 1.5),
        "half": ("wire half open", 1.5),
        "slow": ("wire slow", 2.0),
    }
    for wire in stage.wires:
        for mode, (kind, seconds) in modes.items():
            yield Fault(kind, " to ".join(wire), lambda d, w=wire, m=mode, s=seconds: d.bend(w, m, s))  # type: ignore[misc]


def on_parts(stage: Stage) -> Iterator[Fault]:
    """Each process is killed, paused, and told to end."""
    for part in stage.services:
        yield Fault("process killed", part, lambda d, p=part: d.kill(p))  # type: ignore[misc]
        yield Fault("process paused past the lease", part, lambda d, p=part: d.pause(p, _ZOMBIE_S))  # type: ignore[misc]
        yield Fault("process restarted by SIGTERM", part, lambda d, p=part: d.restart(p))  # type: ignore[misc]
    for _ in range(5):
        yield Fault("reconnect storm", "gateway", lambda d: d.reconnect_storm())


def rolling(stage: Stage) -> Iterator[Fault]:
    """Every process is restarted, one by one."""
    for part in stage.services:
        yield Fault(ROLLING, part, lambda d, p=part: d.replace(p), heavy=True)  # type: ignore[misc]


def contention() -> Iterator[Fault]:
    """Of all who are left for the runs of as many, and then with those who wake up again."""
    for _ in range(8):
        yield Fault("half of ten workers killed", "workers", lambda d: d.crowd(d.kill), heavy=True)
        yield Fault(
            "half of ten workers paused", "workers", lambda d: d.crowd(partial(d.pause, seconds=_ZOMBIE_S)), heavy=True
        )


def wrong_clocks(stage: Stage) -> Iterator[Fault]:
    """Each part's but Envoy's, and those of all at once; an hour ahead or behind."""
    if (clocks := stage.clocks) is None:
        return
    for seconds in (_HOUR_S, -_HOUR_S):
        for part in clocks.parts:
            yield Fault("clock of one part moved by an hour", part, _set(clocks, [part], seconds), heavy=True)
        for _ in range(5):
            yield Fault(_MACHINES_CLOCK, "all parts", _set(clocks, clocks.parts, seconds), heavy=True)


def _set(clocks: Clocks, parts: Iterable[str], seconds: float) -> Callable[[Director], Awaitable[bool]]:
    return lambda d: d.move(clocks, parts, seconds)


def on_storage(stage: Stage) -> Iterator[Fault]:
    """Postgres goes, one way or another."""
    yield Fault("Postgres killed", "postmaster", lambda d: d.stop_postgres(signal.SIGKILL), heavy=True)
    yield Fault("Postgres restarted, immediate", "SIGQUIT", lambda d: d.stop_postgres(signal.SIGQUIT), heavy=True)
    yield Fault("Postgres restarted, fast", "SIGINT", lambda d: d.stop_postgres(signal.SIGINT), heavy=True)
    yield Fault("Postgres away for 3 s", "all wires", lambda d: d.postgres_away(3.0), heavy=True)
    yield Fault("Postgres out of connections", "storm", lambda d: d.storm(), heavy=True)
    if (volume := stage.volume) is not None:
        yield Fault(_DISK_FULL, "volume", lambda d: d.fill_disk(volume, 3.0), heavy=True)


def long_outage() -> Fault:
    """Postgres is away for 20 s."""
    return Fault("Postgres away for 20 s", "all wires", lambda d: d.postgres_away(20.0), heavy=True)


def schedule(stage: Stage, dice: random.Random, faults: int, *, quick: bool) -> list[Fault]:
    """So many faults: every light one once before any comes again, heavy ones strewn in."""
    heavy = list(on_storage(stage)) + ([] if quick else [long_outage()])
    chosen: list[Fault] = []
    while len(chosen) < faults:
        light = [*at_points(), *on_wires(stage), *on_parts(stage)]
        dice.shuffle(light)
        for place, fault in enumerate(light):
            if place % 25 == 12:
                chosen.append(dice.choice(heavy))
            chosen.append(fault)
    return chosen[:faults]
