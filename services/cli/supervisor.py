"""Keeps the parts of a mesh running: starts each when what it needs is healthy, waits for its health, starts it again
when it dies, and stops all of them, the highest layer first. Restarts a part unnoticed where it has a twin.

Knows no real process: `Spawn`, `Probe` and `Time` are given, so that its behaviour is tested with fakes.

    waiting -> starting -> healthy -> (died) -> backoff -> starting -> ...
                  `------> (died, or not healthy in time) -> backoff
    too many deaths in a short time: PartFailedError, and everything stops
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from itertools import groupby
from typing import Protocol

from .errors import CliError, PartFailedError, single_failure
from .identity import ProcessId
from .parts import Part, StopStep
from .process import Exit
from .restart import Deaths, RestartPolicy


class Running(Protocol):
    """A part's process (see process.py)."""

    pid: int
    identity: ProcessId | None

    async def wait(self) -> Exit:
        """Until it ended."""

    async def stop(self, steps: tuple[StopStep, ...]) -> Exit:
        """End it with patience."""

    def kill(self) -> None:
        """End it now, with its whole group."""


class Spawn(Protocol):
    """Starts a part's process."""

    async def __call__(self, part: Part) -> Running: ...


class Time(Protocol):
    """A monotonic clock in seconds, and waiting by it."""

    def now(self) -> float: ...

    async def sleep(self, seconds: float) -> None: ...


class Watcher(Protocol):
    """Hears what happens to parts."""

    def starting(self, part: Part, process: ProcessId | None) -> None: ...

    def healthy(self, part: Part, after: float) -> None: ...

    def late(self, part: Part, after: float) -> None: ...

    def died(self, part: Part, how: str, restart_in: float, deaths: int) -> None: ...

    def replaced(self, part: Part, process: ProcessId | None, after: float) -> None: ...

    def stopped(self, part: Part, how: str) -> None: ...


Probe = Callable[[str], Awaitable[bool]]

_FIRST_PROBE_PAUSE = 0.03
_LONGEST_PROBE_PAUSE = 0.5


class Supervisor:
    """Runs `parts` until told to stop or until one of them cannot be kept alive."""

    def __init__(
        self,
        parts: tuple[Part, ...],
        *,
        spawn: Spawn,
        probe: Probe,
        time: Time,
        watcher: Watcher,
        policy: RestartPolicy,
        health_timeout: float,
    ) -> None:
        self._parts = parts
        self._spawn = spawn
        self._probe = probe
        self._time = time
        self._watcher = watcher
        self._policy = policy
        self._health_timeout = health_timeout
        self._running: dict[str, Running] = {}
        self._ready = {part.name: asyncio.Event() for part in parts}
        self._now = {part.name: part for part in parts}
        """Each part as it runs: itself or its twin."""
        self._other = {part.name: part.twin for part in parts}
        self._ended_to_start: set[str] = set()

    async def run(self, until: asyncio.Event) -> None:
        """Keep all parts until the event is set, then stop them. Raises PartFailedError when one keeps dying."""
        try:
            with single_failure():
                async with asyncio.TaskGroup() as group:
                    keepers = [group.create_task(self._keep(part), name=part.name) for part in self._parts]
                    await until.wait()
                    for keeper in keepers:
                        keeper.cancel()
        finally:
            await self._stop_all()

    def kill(self) -> None:
        """End every part at once, without asking."""
        for process in self._running.values():
            process.kill()

    async def restart(self, name: str) -> None:
        """Replace a part's process by a new one. Raises CliError where that does not become healthy; the old one then
        goes on, if there were two."""
        part, other, old = self._now[name], self._other[name], self._running.get(name)
        if old is None:
            raise CliError(f"{name} does not run")
        if other is None:
            await self._end_for_another(part, old)
        else:
            await self._replace(part, old, other)

    async def all_healthy(self) -> None:
        """Until every part was healthy once."""
        for ready in self._ready.values():
            await ready.wait()

    def not_yet_healthy(self) -> list[str]:
        """Parts that have not been healthy so far."""
        return [name for name, ready in self._ready.items() if not ready.is_set()]

    async def _keep(self, part: Part) -> None:
        for need in sorted(part.needs):
            await self._ready[need].wait()
        began = self._time.now()
        await part.prepare()
        deaths = Deaths(self._policy)
        while True:
            ended = await self._live(self._now[part.name], began)
            if part.name not in self._ended_to_start:
                pause = deaths.record(self._time.now())
                if pause is None or ended.code in part.final_codes:
                    raise self._hopeless(part, ended, deaths)
                self._watcher.died(self._now[part.name], str(ended), pause, deaths.recent)
                await self._time.sleep(pause)
            self._ended_to_start.discard(part.name)
            began = self._time.now()

    async def _live(self, part: Part, began: float) -> Exit:
        """One life of a part, its successors included."""
        process = await self._spawn(part)
        self._running[part.name] = process
        self._watcher.starting(part, process.identity)
        async with asyncio.TaskGroup() as group:
            health = group.create_task(self._see_to_health(part, process, began), name=f"{part.name} health")
            ended = await process.wait()
            health.cancel()
        while self._running[part.name] is not process:
            process = self._running[part.name]
            ended = await process.wait()
        del self._running[part.name]
        return ended

    async def _see_to_health(self, part: Part, process: Running, began: float) -> None:
        """Wait for its health; one that takes too long is ended."""
        if await self._gets_healthy(part, began):
            self._watcher.healthy(part, self._time.now() - began)
            self._ready[part.name].set()
        else:
            self._watcher.late(part, self._health_timeout)
            await process.stop(part.stop)

    async def _gets_healthy(self, part: Part, began: float) -> bool:
        """Waits for its health, while it has time."""
        pauses = _probing()
        while not await self._probe(part.probe):
            if self._time.now() - began > self._health_timeout:
                return False
            await self._time.sleep(next(pauses))
        return True

    async def _end_for_another(self, part: Part, old: Running) -> None:
        """Nobody serves in between."""
        self._ready[part.name].clear()
        self._ended_to_start.add(part.name)
        await old.stop(part.leave)
        await self._ready[part.name].wait()

    async def _replace(self, part: Part, old: Running, other: Part) -> None:
        """Two of them for a while."""
        began = self._time.now()
        surplus = new = await self._spawn(other)
        try:
            if not await self._comes_up(other, new, began):
                raise CliError(f"the new {part.name} does not become healthy; the old one goes on")
            await self._time.sleep(part.overlap)
            if self._running.get(part.name) is not old:
                raise CliError(f"{part.name} died while it was restarted")
            self._running[part.name], self._now[part.name], self._other[part.name] = new, other, part
            surplus = old
            self._watcher.replaced(other, new.identity, self._time.now() - began)
            await part.retire()
            await old.stop(part.leave)
        finally:
            surplus.kill()
            await surplus.wait()

    async def _comes_up(self, part: Part, process: Running, began: float) -> bool:
        """Whether it is healthy in time, and does not die first."""
        async with asyncio.TaskGroup() as group:
            health = group.create_task(self._gets_healthy(part, began), name=f"{part.name} health")
            death = group.create_task(process.wait(), name=f"{part.name} death")
            await asyncio.wait([health, death], return_when=asyncio.FIRST_COMPLETED)
            is_healthy = health.done() and health.result() and not death.done()
            health.cancel()
            death.cancel()
        return is_healthy

    def _hopeless(self, part: Part, ended: Exit, deaths: Deaths) -> PartFailedError:
        times = f"{deaths.recent} times in {self._policy.window:g} s" if deaths.recent > 1 else "once, and for good"
        return PartFailedError(part.name, f"{part.name} died {times}; the last time it {ended}")

    async def _stop_all(self) -> None:
        highest_first = sorted(self._parts, key=lambda part: -part.layer)
        for _, layer in groupby(highest_first, key=lambda part: part.layer):
            async with asyncio.TaskGroup() as group:
                for part in layer:
                    group.create_task(self._stop(part), name=f"stop {part.name}")

    async def _stop(self, part: Part) -> None:
        if process := self._running.get(part.name):
            self._watcher.stopped(self._now[part.name], str(await process.stop(part.stop)))


def _probing() -> Iterator[float]:
    """The pauses between probes: short at first, for a start is waited for."""
    pause = _FIRST_PROBE_PAUSE
    while True:
        yield pause
        pause = min(pause * 1.2, _LONGEST_PROBE_PAUSE)
