"""Ends what a mesh left running that was cut off itself. Each process is known by pid and start time, so that nobody
else's is ever touched."""

from __future__ import annotations

import signal

from .state import MeshState

_PATIENCE = 5.0  # seconds: they were told by the kernel when their supervisor vanished


async def end_leftovers(state: MeshState) -> list[str]:
    """End the parts of a mesh whose supervisor is gone; says which were still there."""
    ended = []
    for name, status in reversed(state.parts.items()):
        if status.process and status.process.alive():
            ended.append(f"{name} (pid {status.process.pid})")
            status.process.send(signal.SIGTERM)
    for status in state.parts.values():
        if status.process and not await status.process.ended(_PATIENCE):
            status.process.send_to_group(signal.SIGKILL)
            await status.process.ended(_PATIENCE)
    return ended
