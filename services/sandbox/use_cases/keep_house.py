"""What is done by itself: idle sandboxes are stopped, old processes and lost uploads forgotten."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from services.kit.clock import Clock
from services.sandbox.ports import ProcessStore, SandboxProvider, SandboxStore, UploadStore
from services.sandbox.use_cases.process_runner import ProcessRunner

_FORGET_AT_ONCE = 500


class StopIdle:
    """Stops sandboxes that nobody used for a while; their workspaces stay."""

    def __init__(
        self, store: SandboxStore, provider: SandboxProvider, runner: ProcessRunner, clock: Clock, idle: timedelta
    ) -> None:
        self._store, self._provider, self._runner = store, provider, runner
        self._clock, self._idle = clock, idle

    async def once(self) -> int:
        """Stops what is idle now; how many."""
        since = self._clock.now() - self._idle
        idle = await self._store.take_idle(self._provider.node, since, self._runner.busy())
        for sandbox_id in idle:
            await self._provider.stop(sandbox_id)
        return len(idle)


class ForgetProcesses:
    """Drops processes that ended long ago, with their output. Their keys may then run again."""

    def __init__(self, store: ProcessStore, provider: SandboxProvider, clock: Clock, kept: timedelta) -> None:
        self._store, self._provider, self._clock, self._kept = store, provider, clock, kept

    async def once(self) -> int:
        """Drops some; how many."""
        before = self._clock.now() - self._kept
        forgotten = await self._store.forget(self._provider.node, before, _FORGET_AT_ONCE)
        for sandbox_id, process_id in forgotten:
            await self._provider.forget_output(sandbox_id, process_id)
        return len(forgotten)


class ForgetUploads:
    """Drops announcements whose time is over: nobody counts them any more."""

    def __init__(self, store: UploadStore, clock: Clock) -> None:
        self._store, self._clock = store, clock

    async def once(self) -> None:
        """Drops them."""
        await self._store.forget(self._clock.now())


class KeepHouse:
    """Does all of it, every so often; runs for ever."""

    def __init__(self, idle: StopIdle, forget: ForgetProcesses, uploads: ForgetUploads, every_s: float) -> None:
        self._idle, self._forget, self._uploads, self._every_s = idle, forget, uploads, every_s

    async def run(self) -> None:
        while True:
            await asyncio.sleep(self._every_s)
            await self._idle.once()
            await self._uploads.once()
            while await self._forget.once():
                pass
