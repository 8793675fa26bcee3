"""Orderly restarts of parts that run, one after the other: asked for by a file and SIGUSR1 to `mesh up`, told in its
state.

A part that others call is started anew at another address first, and the old one ends when its callers have turned to
the new one: no call is refused. The first part that does not become healthy ends the restart.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

import orjson

from .errors import CliError
from .state import RestartStatus


@dataclass(frozen=True)
class RestartRequest:
    """Which parts, in this order; `number` is the asker's own, to know the answer by."""

    number: int
    parts: tuple[str, ...]


def ask(path: Path, request: RestartRequest) -> None:
    """Put it where `mesh up` looks when it is signalled."""
    fresh = path.with_suffix(".new")
    fresh.write_bytes(orjson.dumps(asdict(request)))
    fresh.replace(path)


class Restarts(Protocol):
    """A supervisor."""

    async def restart(self, name: str) -> None:
        """Replace a part's process; CliError where that can not be done."""


class Rolling:
    """Does what is asked for at `path`; `tell` hears of each step."""

    def __init__(self, path: Path, supervisor: Restarts, tell: Callable[[RestartStatus], None]) -> None:
        self._path = path
        self._supervisor = supervisor
        self._tell = tell

    async def run(self) -> None:
        """For ever."""
        asked = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGUSR1, asked.set)
        try:
            while True:
                await asked.wait()
                asked.clear()
                raw = orjson.loads(self._path.read_bytes())
                await self.do(RestartRequest(raw["number"], tuple(raw["parts"])))
        finally:
            loop.remove_signal_handler(signal.SIGUSR1)

    async def do(self, request: RestartRequest) -> None:
        """One part after the other."""
        left = request.parts
        while left:
            self._tell(RestartStatus(request.number, left))
            try:
                await self._supervisor.restart(left[0])
            except CliError as failure:
                self._tell(RestartStatus(request.number, (), failure.message))
                return
            left = left[1:]
        self._tell(RestartStatus(request.number))
