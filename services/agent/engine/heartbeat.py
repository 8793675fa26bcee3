"""Keeps the leases of a worker's runs, on a thread, a loop and a connection of its own.

A busy event loop or an exhausted pool can not starve it; a loop that hangs for good is noticed, and its runs are left
out, so that another worker gets them. What it learns (lost, asked to stop) is handed to the worker's loop.
"""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol
from uuid import UUID

import structlog

from services.agent.domain.run import StopReason
from services.kit.errors import Unavailable
from services.kit.postgres import UnforeseenFailure

log = structlog.get_logger()

_CONNECTED_WITHIN_S: Final = 0.5
"""So long is a worker given to connect again, once storage is there."""


class Leases(Protocol):
    """Who can renew."""

    async def beat(
        self, runs: list[tuple[UUID, int]], ttl_s: float, timeout_s: float
    ) -> Mapping[UUID, StopReason | None]:
        """Renews; returns what is still owned, with the reason why each should stop, if any. Raises Unavailable
        whatever storage says, an UnforeseenFailure included."""

    def close(self) -> None:
        """Drops what is open."""


@dataclass(frozen=True, slots=True)
class HeartbeatSettings:
    """All in seconds."""

    interval_s: float
    ttl_s: float
    stall_s: float

    @property
    def young_s(self) -> float:
        """For so long a good beat vouches for what comes after it."""
        return self.ttl_s - 1.5 * self.interval_s

    @property
    def others_s(self) -> float:
        """Within so long of an outage's end every worker that lives has beaten. Half a lease would be too long: where
        workers die one after the other, none would be there for long enough to take over."""
        return self.interval_s + _CONNECTED_WITHIN_S


class Heartbeat:
    """`on_lost` and `on_stop` are called on the worker's loop."""

    def __init__(
        self,
        settings: HeartbeatSettings,
        open_leases: Callable[[], Leases],
        on_lost: Callable[[UUID, int], None],
        on_stop: Callable[[UUID, StopReason], None],
    ) -> None:
        self._settings = settings
        self._open_leases = open_leases
        self._on_lost = on_lost
        self._on_stop = on_stop
        self._runs: dict[UUID, int] = {}
        self._guard = threading.Lock()
        self._progress = time.monotonic()
        self._good = -math.inf
        self._steals_from = 0.0
        self._unforeseen = ""
        self._leaving = threading.Event()
        self._beaten = asyncio.Event()

    def add(self, run_id: UUID, epoch: int) -> None:
        """Begins to renew; the claim itself was the first beat."""
        with self._guard:
            self._runs[run_id] = epoch

    def remove(self, run_id: UUID, epoch: int) -> None:
        """Ends it, unless the run was taken again under another epoch."""
        with self._guard:
            if self._runs.get(run_id) == epoch:
                del self._runs[run_id]

    @property
    def may_steal(self) -> bool:
        """Whether a lease that is over says something: not within one ttl of an outage that was seen, nor before others
        had the time to renew theirs where nobody here would have seen one: this worker has just begun, or it slept."""
        return self._is_young() and time.monotonic() >= self._steals_from

    def _is_young(self) -> bool:
        return time.monotonic() - self._good <= self._settings.young_s

    async def fresh(self) -> None:
        """Waits until the last good beat is young enough to begin something new."""
        while not self._is_young():
            self._beaten.clear()
            await self._beaten.wait()

    async def run(self) -> None:
        """Beats until cancelled; meanwhile shows that the worker's loop makes progress."""
        loop = asyncio.get_running_loop()
        self._leaving.clear()
        thread = threading.Thread(target=self._beat_forever, args=(loop,), name="heartbeat", daemon=True)
        thread.start()
        try:
            while thread.is_alive():
                self._progress = time.monotonic()
                await asyncio.sleep(self._settings.interval_s / 2)
            raise RuntimeError("the heartbeat's thread died")  # the supervisor starts another
        finally:
            self._leaving.set()

    def _beat_forever(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.run(self._beats(loop))

    async def _beats(self, loop: asyncio.AbstractEventLoop) -> None:
        leases = self._open_leases()
        settings = self._settings
        try:
            while not self._leaving.is_set():
                started = time.monotonic()
                await self._beat(leases, loop)
                await asyncio.sleep(max(0.0, settings.interval_s - (time.monotonic() - started)))
        finally:
            leases.close()

    async def _beat(self, leases: Leases, loop: asyncio.AbstractEventLoop) -> None:
        with self._guard:
            runs = dict(self._runs)
        if time.monotonic() - self._progress > self._settings.stall_s:
            log.error("worker.stalled", runs=len(runs), stall_s=self._settings.stall_s)
            return
        try:
            owned = await leases.beat(list(runs.items()), self._settings.ttl_s, self._settings.ttl_s / 2)
        except Unavailable as away:
            self._steals_from = time.monotonic() + self._settings.ttl_s
            self._tell(away, len(runs))
            return
        if not self._is_young():
            self._steals_from = max(self._steals_from, time.monotonic() + self._settings.others_s)
        self._good = time.monotonic()
        self._unforeseen = ""
        if not loop.is_closed():
            loop.call_soon_threadsafe(self._learn, runs, owned)

    def _tell(self, away: Unavailable, runs: int) -> None:
        """Each beat of an outage; once, with its trace, what nobody foresaw."""
        cause = type(away.__cause__).__name__
        if not isinstance(away, UnforeseenFailure):
            log.warning("heartbeat.storage_away", runs=runs, cause=cause)
        elif cause != self._unforeseen:
            self._unforeseen = cause
            log.error("heartbeat.refused", runs=runs, cause=cause, exc_info=away)

    def _learn(self, sent: Mapping[UUID, int], owned: Mapping[UUID, StopReason | None]) -> None:
        self._beaten.set()
        for run_id, epoch in sent.items():
            if run_id not in owned:
                if self._runs.get(run_id) == epoch:
                    self._on_lost(run_id, epoch)
            elif (reason := owned[run_id]) is not None:
                self._on_stop(run_id, reason)
