"""What a process feels, sent once a minute to where operators keep metrics.

The figures are read on the event loop, all in one moment, and sent from a thread: a collector that is slow or away
costs the process nothing but the figures. Prometheus needs none of this, it comes and asks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Protocol

from prometheus_client import REGISTRY, Counter

from services.kit.logging import get_logger

log = get_logger()


@dataclass(frozen=True, slots=True)
class Figure:
    """One number. `unit` in UCUM: `s`, `By`, `1` for a share, `{run}` for what is counted."""

    name: str
    unit: str
    value: float
    grows: bool = False
    """It counts since the process began, and never falls."""


Reading = Callable[[], Sequence[Figure]]


class NotTaken(Exception):
    """The figures were not taken; the text says why, and holds no secret."""


class Sink(Protocol):
    """Where figures are sent."""

    @property
    def name(self) -> str:
        """As logs and metrics call it."""

    def send(self, figures: Sequence[Figure]) -> None:
        """Sends them; blocks, so it is called in a thread. Raises NotTaken after its own tries."""

    def close(self) -> None:
        """Cuts what is under way."""


class FigurePublisher:
    """Sends what `read` gives to each sink, every `interval_s`. A sink's failures in a row are logged once."""

    def __init__(self, read: Reading, sinks: Sequence[Sink], interval_s: float) -> None:
        self._read = read
        self._sinks = sinks
        self._interval_s = interval_s
        self._failing: set[str] = set()

    async def run(self) -> None:
        """Sends for ever, first after one interval."""
        while True:
            await asyncio.sleep(self._interval_s)
            await self.publish()

    async def publish(self) -> None:
        """Sends once, to all sinks at once."""
        figures = self._read()
        await asyncio.gather(*(self._send(sink, figures) for sink in self._sinks))

    def close(self) -> None:
        """Closes the sinks."""
        for sink in self._sinks:
            sink.close()

    async def _send(self, sink: Sink, figures: Sequence[Figure]) -> None:
        try:
            await asyncio.to_thread(sink.send, figures)
        except NotTaken as why:
            _unsent().labels(sink.name).inc()
            if sink.name not in self._failing:
                self._failing.add(sink.name)
                log.warning("figures.not_taken", sink=sink.name, why=str(why))
            return
        if sink.name in self._failing:
            self._failing.discard(sink.name)
            log.info("figures.taken_again", sink=sink.name)


@cache
def _unsent() -> Counter:
    return Counter("mesh_figures_unsent", "Times that a sink did not take figures", ["sink"], registry=REGISTRY)
