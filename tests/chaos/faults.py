"""What is done to a mesh: the faults of each kind, at every place, and in which order they come."""

from __future__ import annotations

import random
import signal
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Final

from tests.chaos.clocks import Clocks
from tests.chaos.points import POINTS
from tests.chaos.proxy import Mode
from tests.chaos.scenario import ROLLING, Director, Fault
from tests.chaos.stage import LEASE_S, ZOMBIE_S, Stage

_HOUR_S: Final = 3600.0
_DISK_FULL: Final = "disk of Postgres full"
_MACHINES_CLOCK: Final = "clock of the machine moved by an hour"
CLOCKS: Final = (_MACHINES_CLOCK, "clock of one part moved by an hour")
CROWDED: Final = ("half of ten workers killed", "half of ten workers paused")
"""Kinds that have a mesh of their own."""
NEEDS: Final = {
    _MACHINES_CLOCK: "in a whole run; needs libfaketime",
    _DISK_FULL: "needs a volume that can be mounted",
}
"""What is not run where something of the machine is not there."""
_LIGHT_TO_HEAVY: Final = 24


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
        yield Fault("process paused past the lease", part, lambda d, p=part: d.pause(p, ZOMBIE_S))  # type: ignore[misc]
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
        yield Fault(CROWDED[0], "workers", lambda d: d.crowd(d.kill), heavy=True)
        yield Fault(CROWDED[1], "workers", lambda d: d.crowd(partial(d.pause, seconds=ZOMBIE_S)), heavy=True)


def wrong_clocks(stage: Stage) -> Iterator[Fault]:
    """Each part's but Envoy's, and those of all at once; an hour ahead or behind."""
    if (clocks := stage.clocks) is None:
        return
    for seconds in (_HOUR_S, -_HOUR_S):
        for part in clocks.parts:
            yield Fault(CLOCKS[1], part, _set(clocks, [part], seconds), heavy=True)
        for _ in range(5):
            yield Fault(_MACHINES_CLOCK, "all parts", _set(clocks, clocks.parts, seconds), heavy=True)


def _set(clocks: Clocks, parts: Iterable[str], seconds: float) -> Callable[[Director], Awaitable[bool]]:
    return lambda d: d.move(clocks, parts, seconds)


def on_storage(stage: Stage) -> Iterator[Fault]:
    """Postgres goes, one way or another."""
    yield Fault("Postgres killed", "postmaster", lambda d: d.stop_postgres(signal.SIGKILL), heavy=True)
    yield Fault("Postgres restarted, immediate", "SIGQUIT", lambda d: d.stop_postgres(signal.SIGQUIT), heavy=True)
    yield Fault("Postgres restarted, fast", "SIGINT", lambda d: d.stop_postgres(signal.SIGINT), heavy=True)
    yield from outages(3.0)
    yield Fault("Postgres out of connections", "storm", lambda d: d.storm(), heavy=True)
    if (volume := stage.volume) is not None:
        yield Fault(_DISK_FULL, "volume", lambda d: d.fill_disk(volume, 3.0), heavy=True)


def outages(seconds: float) -> Iterator[Fault]:
    """Postgres is away for so long; once while nothing else happens, once while a worker dies and begins anew."""
    kind = f"Postgres away for {seconds:g} s"
    yield Fault(kind, "all wires", lambda d: d.postgres_away(seconds), heavy=True)
    yield Fault(kind, "all wires, a worker dies", lambda d: d.postgres_away(seconds, anew=True), heavy=True)


def everywhere(stage: Stage, *, quick: bool) -> list[Fault]:
    """Every fault that one mesh can have, once."""
    return [*at_points(), *on_wires(stage), *on_parts(stage), *on_storage(stage), *([] if quick else outages(20.0))]


def schedule(faults: Sequence[Fault], dice: random.Random, number: int) -> list[Fault]:
    """So many of these: one of each kind, then every light one before any comes again, heavy ones strewn in."""
    heavy = _over_and_over([fault for fault in faults if fault.heavy], dice)
    light = _over_and_over([fault for fault in faults if not fault.heavy], dice)
    chosen = one_of_each(faults, dice)
    while faults and len(chosen) < number:
        strewn = len(chosen) % (_LIGHT_TO_HEAVY + 1) == _LIGHT_TO_HEAVY // 2
        fault = next(heavy if strewn else light, None) or next(light if strewn else heavy)
        chosen.append(fault)
    return chosen[:number]


def one_of_each(faults: Iterable[Fault], dice: random.Random) -> list[Fault]:
    """One fault of each kind."""
    kinds: defaultdict[str, list[Fault]] = defaultdict(list)
    for fault in faults:
        kinds[fault.kind].append(fault)
    chosen = [dice.choice(places) for places in kinds.values()]
    dice.shuffle(chosen)
    return chosen


def _over_and_over(faults: list[Fault], dice: random.Random) -> Iterator[Fault]:
    while faults:
        yield from dice.sample(faults, len(faults))
