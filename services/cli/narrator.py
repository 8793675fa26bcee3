"""Tells what happens to a mesh: to the person at the terminal in sentences, to other commands in the state file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from .identity import ProcessId
from .parts import Part
from .state import MeshState, PartState, PartStatus, Phase, RestartStatus, save


class Voice(Protocol):
    """Where sentences go."""

    def say(self, text: str) -> None: ...


class Narrator:
    """A supervisor's watcher. `wall_clock` gives Unix seconds."""

    def __init__(self, path: Path, state: MeshState, voice: Voice, wall_clock: Callable[[], float]) -> None:
        self._path = path
        self._voice = voice
        self._wall_clock = wall_clock
        self.state = state

    def phase(self, phase: Phase) -> None:
        """The mesh as a whole has come to this."""
        self._keep(replace(self.state, phase=phase, since=self._wall_clock()))

    def starting(self, part: Part, process: ProcessId | None) -> None:
        self._set(part, PartState.STARTING, process)

    def healthy(self, part: Part, after: float) -> None:
        again = self._status(part).restarts > 0
        self._set(part, PartState.HEALTHY, self._status(part).process)
        self._voice.say(f"{part.name} is healthy{' again' if again else ''} after {after:.1f} s{self._pid(part)}")

    def late(self, part: Part, after: float) -> None:
        self._voice.say(f"{part.name} is not healthy after {after:g} s: ending it")

    def died(self, part: Part, how: str, restart_in: float, deaths: int) -> None:
        before = self._status(part)
        self._set(part, PartState.BACKOFF, None, restarts=before.restarts + 1)
        self._voice.say(f"{part.name} {how}: starting it again in {restart_in:.1f} s (death {deaths} in a minute)")

    def replaced(self, part: Part, process: ProcessId | None, after: float) -> None:
        self._set(part, PartState.HEALTHY, process)
        self._voice.say(f"{part.name} was replaced after {after:.1f} s{self._pid(part)}")

    def restart(self, status: RestartStatus) -> None:
        """An orderly restart has come to this."""
        self._keep(replace(self.state, restart=status))
        if status.failure:
            self._voice.say(f"the restart ended early: {status.failure}")

    def stopped(self, part: Part, how: str) -> None:
        self._set(part, PartState.STOPPED, None)
        self._voice.say(f"{part.name} stopped" + ("" if "code 0" in how else f": {how}"))

    def _status(self, part: Part) -> PartStatus:
        return self.state.parts[part.name]

    def _pid(self, part: Part) -> str:
        process = self._status(part).process
        return f" (pid {process.pid})" if process else ""

    def _set(self, part: Part, state: PartState, process: ProcessId | None, restarts: int | None = None) -> None:
        before = self._status(part)
        kept = before.restarts if restarts is None else restarts
        self._keep(self.state.with_part(part.name, PartStatus(part.probe, state, process, self._wall_clock(), kept)))

    def _keep(self, state: MeshState) -> None:
        self.state = state
        save(self._path, state)
