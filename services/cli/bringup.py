"""`mesh up`, without its command line: take the data directory, end what an earlier mesh left, start all parts, and
keep them until told to stop."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Protocol

from services.kit.auth import make_keys

from . import ports, probes
from .errors import CliError, PartFailedError, single_failure
from .identity import ProcessId
from .layout import DataDir
from .leftovers import end_leftovers
from .logs import LogBook
from .narrator import Narrator
from .parts import Part
from .plan import SERVICES, public_address
from .process import PartProcess, spawn
from .restart import RestartPolicy
from .rolling import Rolling
from .screen import Terminal
from .state import MeshState, PartStatus, Phase, load
from .supervisor import Supervisor

_HEALTH_TIMEOUT = 60.0
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class MonotonicTime:
    """Real time."""

    def now(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class Blueprint(Protocol):
    """What to bring up (see plan.py)."""

    def port_names(self) -> list[str]:
        """The ports it wants, by name."""

    def parts(self, ports: Mapping[str, int]) -> tuple[Part, ...]:
        """The parts, given those ports."""


class Bringup:
    """One life of a mesh on this machine. The caller holds the data directory's lock.

    `http_port` is the public one; `greeting` gives the lines to show when all parts are healthy.
    """

    def __init__(
        self,
        blueprint: Blueprint,
        data: DataDir,
        http_port: int,
        terminal: Terminal,
        greeting: Callable[[], list[str]],
    ) -> None:
        self._blueprint = blueprint
        self._data = data
        self._http_port = http_port
        self._terminal = terminal
        self._greeting = greeting
        self._logs = LogBook(data.log_of, terminal)
        self._began = time.monotonic()

    async def run(self, ready_within: float) -> None:
        """Until SIGINT, SIGTERM or SIGHUP. Raises CliError when it can't start in time or a part keeps dying."""
        before = load(self._data.state)
        await self._clear(before)
        with closing(self._logs), closing(ports.Reservations(random.Random())) as reserved:  # noqa: S311 - ports
            chosen = reserved.reserve(self._blueprint.port_names(), before.ports)
            parts = self._blueprint.parts(chosen)
            narrator = self._narrator(chosen, parts)
            supervisor = self._supervisor(parts, narrator)
            await self._keep(supervisor, narrator, ready_within)

    async def _clear(self, before: MeshState) -> None:
        make_keys(self._data.keys, SERVICES)
        for left in await end_leftovers(before):
            self._terminal.say(f"ended {left}, left over from a mesh that was cut off")
        ports.demand_public_port(self._http_port, "MESH_HTTP_PORT")

    async def _keep(self, supervisor: Supervisor, narrator: Narrator, ready_within: float) -> None:
        narrator.phase(Phase.STARTING)
        try:
            with _stop_signals(supervisor.kill) as stop, single_failure():
                async with asyncio.TaskGroup() as group:
                    ready = group.create_task(self._announce(supervisor, narrator, ready_within), name="announce")
                    rolling = group.create_task(self._rolling(supervisor, narrator), name="rolling")
                    await supervisor.run(stop)
                    ready.cancel()
                    rolling.cancel()
        except CliError as failure:
            narrator.phase(Phase.FAILED)
            self._show_last_lines(failure)
            raise
        narrator.phase(Phase.STOPPED)

    async def _announce(self, supervisor: Supervisor, narrator: Narrator, ready_within: float) -> None:
        try:
            await asyncio.wait_for(supervisor.all_healthy(), ready_within)
        except TimeoutError:
            missing = ", ".join(supervisor.not_yet_healthy())
            raise CliError(f"not healthy within {ready_within:g} s: {missing}; see {self._data.logs}") from None
        narrator.phase(Phase.READY)
        self._terminal.say(f"all parts are healthy, {time.monotonic() - self._began:.1f} s after the start")
        for line in self._greeting():
            self._terminal.say(line)

    async def _rolling(self, supervisor: Supervisor, narrator: Narrator) -> None:
        await Rolling(self._data.restart, supervisor, narrator.restart).run()

    def _show_last_lines(self, failure: CliError) -> None:
        if isinstance(failure, PartFailedError):
            self._terminal.say(f"the last lines of {failure.part}:")
            for line in self._logs.of(failure.part).tail():
                self._terminal.say(f"  {line}")

    def _narrator(self, chosen: dict[str, int], parts: tuple[Part, ...]) -> Narrator:
        state = MeshState(
            supervisor=ProcessId.of(os.getpid()),
            url=public_address(self._http_port),
            ports=chosen,
            parts={part.name: PartStatus(part.probe) for part in parts},
        )
        return Narrator(self._data.state, state, self._terminal, time.time)

    def _supervisor(self, parts: tuple[Part, ...], narrator: Narrator) -> Supervisor:
        return Supervisor(
            parts,
            spawn=self._spawn,
            probe=probes.healthy,
            time=MonotonicTime(),
            watcher=narrator,
            policy=RestartPolicy(),
            health_timeout=_HEALTH_TIMEOUT,
        )

    async def _spawn(self, part: Part) -> PartProcess:
        return await spawn(part, self._logs.of(part.name).write)


@contextmanager
def _stop_signals(kill: Callable[[], None]) -> Iterator[asyncio.Event]:
    """An event that is set by the first signal to stop; one more ends the parts at once."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def heard() -> None:
        if stop.is_set():
            kill()
        stop.set()

    for number in _STOP_SIGNALS:
        loop.add_signal_handler(number, heard)
    try:
        yield stop
    finally:
        for number in _STOP_SIGNALS:
            loop.remove_signal_handler(number)
