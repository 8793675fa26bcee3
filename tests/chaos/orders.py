"""Orders to fault points, as files: laid by the runner, taken by the first process that comes by, told of before done.

<folder>/laid/<point>        an order: the next process at this point does it
<folder>/taken/<id>          who took it and when: written before anything is done
<folder>/go/<id>             the runner did its part of an order to wait
<folder>/effects.jsonl       what fake tools did
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

Action = Literal["kill", "pause", "error", "away", "delay", "block", "clock", "wait"]
"""kill: SIGKILL of itself. pause: SIGSTOP. error, away: an exception, unforeseen or foreseen. delay: this task sleeps.
block: the whole event loop does. clock: the process takes it to be later, or earlier, for a while. wait: this task
waits until the runner has done something outside."""


@dataclass(frozen=True)
class Order:
    """`seconds` is for delay, block and clock."""

    order_id: str
    action: Action
    seconds: float = 0.0


@dataclass(frozen=True)
class Taken:
    """Which process took an order, when (seconds since the epoch)."""

    order_id: str
    point: str
    pid: int
    at: float


class OrderBook:
    """The folder, for both sides."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for name in ("laid", "taken", "go"):
            (folder / name).mkdir(parents=True, exist_ok=True)

    # -- the runner

    def lay(self, point: str, order: Order) -> None:
        """Arms a point; one order at a time."""
        fresh = self._folder / f"{order.order_id}.new"
        fresh.write_text(json.dumps(asdict(order)))
        fresh.rename(self._folder / "laid" / point)

    def withdraw(self, point: str) -> None:
        """Disarms a point; whoever has taken the order keeps it."""
        with suppress(FileNotFoundError):
            (self._folder / "laid" / point).unlink()

    def taken(self, order_id: str) -> Taken | None:
        """Who took an order."""
        try:
            return Taken(**json.loads((self._folder / "taken" / order_id).read_text()))
        except FileNotFoundError:
            return None

    def go(self, order_id: str) -> None:
        """Lets who waits go on."""
        (self._folder / "go" / order_id).touch()

    def effects(self) -> Iterator[dict[str, Any]]:
        """What fake tools did, in order."""
        with suppress(FileNotFoundError):
            for line in (self._folder / "effects.jsonl").read_text().splitlines():
                yield json.loads(line)

    # -- a process of the mesh

    def take(self, point: str) -> Order | None:
        """The order laid at a point, told of; None: nothing is."""
        mine = self._folder / f"{point}.{os.getpid()}.{time.monotonic_ns()}"
        try:
            (self._folder / "laid" / point).rename(mine)
        except FileNotFoundError:
            return None
        order = Order(**json.loads(mine.read_text()))
        taken = Taken(order.order_id, point, os.getpid(), time.time())
        mine.write_text(json.dumps(asdict(taken)))
        mine.rename(self._folder / "taken" / order.order_id)
        return order

    def may_go(self, order_id: str) -> bool:
        """Whether the runner has done its part."""
        return (self._folder / "go" / order_id).exists()

    def note(self, **effect: Any) -> None:
        """Writes down an effect, whole or not at all."""
        line = json.dumps({**effect, "pid": os.getpid(), "at": time.time()}) + "\n"
        with open(self._folder / "effects.jsonl", "ab", buffering=0) as file:
            file.write(line.encode())
