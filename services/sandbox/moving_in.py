"""How the service comes by the data directory, which only one has at a time.

A successor is started while its predecessor still works: it listens, holds the calls that reach it, and goes on when
the predecessor has ended its commands and left. So a restart refuses nobody.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from functools import cache

from prometheus_client import REGISTRY, Info

from services.kit.logging import get_logger
from services.kit.tasks import Supervisor
from services.sandbox.providers.local.provider import DirectoryTaken, LocalProvider
from services.sandbox.use_cases.keep_house import KeepHouse
from services.sandbox.use_cases.process_runner import ProcessRunner

log = get_logger()

_LOOK_EVERY_S = 0.05


class MovingIn:
    """Takes the data directory, which only one service has: at once, or when the predecessor has left it."""

    def __init__(
        self,
        provider: LocalProvider,
        tenancy: AsyncExitStack,
        tasks: Supervisor,
        runner: ProcessRunner,
        house: KeepHouse,
    ) -> None:
        self._provider, self._tenancy = provider, tenancy
        self._tasks, self._runner, self._house = tasks, runner, house
        self.done = asyncio.Event()

    async def begin(self, *, succeeds: bool) -> None:
        """Raises DirectoryTaken, unless this one `succeeds` whoever has it."""
        try:
            await self._tenancy.enter_async_context(self._provider)
        except DirectoryTaken:
            if not succeeds:
                raise
            log.info("sandbox.waiting")
            self._tasks.start_once("moving in", self._follow)
        else:
            await self._settle()

    async def _follow(self) -> None:
        while True:
            try:
                await self._tenancy.enter_async_context(self._provider)
            except DirectoryTaken:
                await asyncio.sleep(_LOOK_EVERY_S)
            else:
                self._tasks.start("settling", self._settle)
                return

    async def _settle(self) -> None:
        lost, isolation = await self._runner.recover(), self._provider.isolation
        _isolation_info().info({"level": isolation.level, "unsafe": str(isolation.unsafe).lower()})
        log.info("sandbox.ready", level=isolation.level, unsafe=isolation.unsafe, missing=isolation.missing, lost=lost)
        self._tasks.start("quotas", self._provider.watch)
        self._tasks.start("housekeeping", self._house.run)
        self.done.set()


@cache
def _isolation_info() -> Info:
    return Info("mesh_sandbox_isolation", "What holds the limits of this machine's sandboxes", registry=REGISTRY)
