"""From `python -m services.<name>` to a clean end: what every service's `__main__.py` calls.

One `AsyncExitStack` holds everything: pools first in, server last in, so the server leaves first.

SIGTERM asks for the end. SIGUSR1 asks for it where another process stands ready to take over: callers are then given
time to turn to that one before anything is drained, because gRPC drops what reaches a server that is ending.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from typing import NoReturn, TypeVar

import uvloop

from services.kit.config import ConfigError, MeshSettings, check_config, load_settings
from services.kit.errors import MeshError
from services.kit.logging import configure_logging, get_logger
from services.kit.server import Server

log = get_logger()

SettingsT = TypeVar("SettingsT", bound=MeshSettings)
Build = Callable[[SettingsT, AsyncExitStack], Awaitable[Server]]
"""Makes a service out of its settings; what must be closed goes on the stack, in order."""

_AWAY, _MISCONFIGURED, _FORCED = 1, 2, 130


def run(settings_cls: type[SettingsT], build: Build[SettingsT], argv: Sequence[str] | None = None) -> NoReturn:
    """Runs the service until SIGTERM, SIGINT or SIGUSR1, or with `--check-config` prints its configuration.

    Exits 0 after a clean end, 1 where something needed was away at start, 2 for a configuration that cannot be used.
    """
    arguments = sys.argv[1:] if argv is None else argv
    try:
        settings = load_settings(settings_cls)
        if "--check-config" in arguments:
            check_config(settings)
            sys.exit(0)
        configure_logging(settings)
        uvloop.run(serve(settings, build))
    except ConfigError as wrong:
        sys.stderr.write(f"{wrong}\n")
        sys.exit(_MISCONFIGURED)
    except MeshError as away:
        log.error("service.not_started", reason=away.reason, message=away.message)  # noqa: TRY400 -- foreseen: no trace
        sys.exit(_AWAY)
    sys.exit(0)


async def serve(settings: SettingsT, build: Build[SettingsT]) -> None:
    """Builds, serves until a signal comes, drains. A signal during the start ends it where it is."""
    ending = _Ending()
    try:
        async with AsyncExitStack() as stack:
            server = await build(settings, stack)
            await stack.enter_async_context(server)
            _settle_memory()
            if await ending.is_replaced():
                await server.leave()
                log.info("service.leaving")
                await ending.asked_within(settings.mesh_leave_s)
            log.info("service.draining")
            await server.drain()
    except asyncio.CancelledError:
        if not ending.asked:
            raise
    log.info("service.ended")


def _settle_memory() -> None:
    """What a started service holds it holds for ever: collections need not look at it again. Those of what is new come
    early, since nearly all of it is rubbish by then and a collection stops all else while it lasts (20,000 objects: up
    to 50 ms); those of what is older come seldom."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(2_000, 50, 50)


class _Ending:
    """The first signal asks for a clean end, the second forces one. SIGUSR1 asks for one that nobody notices."""

    def __init__(self) -> None:
        self._signalled, self._called = asyncio.Event(), asyncio.Event()
        self._main = asyncio.current_task()
        self._starting = True
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_signal)
        loop.add_signal_handler(signal.SIGUSR1, self._called.set)

    @property
    def asked(self) -> bool:
        return self._signalled.is_set()

    async def is_replaced(self) -> bool:
        """Waits for the first signal, which no longer cancels; whether somebody else stands ready."""
        self._starting = False
        await self._called.wait()
        return not self.asked

    async def asked_within(self, seconds: float) -> None:
        """So long, unless the end is asked for sooner."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._signalled.wait(), seconds)

    def _on_signal(self) -> None:
        if self.asked:
            log.warning("service.forced")
            os._exit(_FORCED)
        self._signalled.set()
        self._called.set()
        if self._starting and self._main is not None:
            self._main.cancel()
