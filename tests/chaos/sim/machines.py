"""Processes that can die and sleep, and their wires to everything else, on which messages are late or lost."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.kit.errors import Unavailable
from services.kit.postgres import StorageUnavailable


@dataclass
class Fate:
    """What may still happen in one interleaving: so many faults, wherever the dice say. `wipe` is FLUSHALL,
    `move_clock` puts Postgres' an hour ahead, or back, or right again."""

    dice: random.Random
    faults: int
    wipe: Callable[[], None]
    move_clock: Callable[[], None]
    chance: float = 0.04
    kinds: Sequence[str] = ("kill", "kill", "sleep", "sleep", "lose", "late", "wipe", "clock")
    may_meet: Callable[[str], bool] = lambda _: True
    """Which processes, by their name."""
    happened: Counter[str] = field(default_factory=Counter)

    def draw(self, name: str) -> str | None:
        """A fault for a message of this process that is on its way now."""
        if self.faults == 0 or self.dice.random() > self.chance or not self.may_meet(name):
            return None
        self.faults -= 1
        fault = self.dice.choice(self.kinds)
        self.happened[fault] += 1
        return fault

    def latency(self) -> float:
        """Seconds that a message takes."""
        return self.dice.choice((0.0, 0.001, 0.002, 0.01, 0.03))


class Machine:
    """One process. Nothing that it does has an effect but by `cross`."""

    def __init__(self, name: str, fate: Fate, *, safe: bool = False) -> None:
        self.name = name
        self.dead = asyncio.Event()
        self._fate = fate
        self._safe = safe
        self._awake = asyncio.Event()
        self._awake.set()

    async def cross(self, lost: type[Exception] = StorageUnavailable) -> None:
        """One message, one way. Raises `lost` where it does not arrive; never returns in a process that died."""
        await asyncio.sleep(self._fate.latency())
        match None if self._safe else self._fate.draw(self.name):
            case "kill":
                self.dead.set()
            case "sleep":
                self._sleep(self._fate.dice.choice((0.5, 2.0, 4.0)))
            case "lose":
                await asyncio.sleep(0.2)
                await self._here()
                raise lost
            case "late":
                await asyncio.sleep(self._fate.dice.choice((0.3, 1.5)))
            case "wipe":
                self._fate.wipe()
            case "clock":
                self._fate.move_clock()
        await self._here()

    async def nap(self, seconds: float) -> None:
        """Time passes for this process; more of it where it sleeps."""
        await asyncio.sleep(seconds)
        await self._here()

    async def _here(self) -> None:
        await self._awake.wait()
        if self.dead.is_set():
            raise asyncio.CancelledError

    def _sleep(self, seconds: float) -> None:
        """SIGSTOP, and SIGCONT later."""
        self._awake.clear()
        asyncio.get_running_loop().call_later(seconds, self._awake.set)


class Remote:
    """Something beyond a wire: each call is a request that arrives, one indivisible step there, an answer that returns.

    Stands for any port whose methods the target has without `async`. While `is_away`, it refuses.
    """

    def __init__(
        self,
        machine: Machine,
        target: object,
        lost: type[Exception] = StorageUnavailable,
        is_away: Callable[[], bool] = lambda: False,
    ) -> None:
        self._machine = machine
        self._target = target
        self._lost = lost
        self._is_away = is_away

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._target, name)

        async def call(*args: Any, **kwargs: Any) -> Any:
            await self._machine.cross(self._lost)
            if self._is_away():
                raise self._lost
            answer = method(*args, **kwargs)
            await self._machine.cross(self._lost)
            return answer

        return call


def neighbour(machine: Machine, target: object) -> Any:
    """Another service, over gRPC."""
    return Remote(machine, target, Unavailable)
