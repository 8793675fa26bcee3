"""Commands of sandboxes, seen from outside: each test sleeps for a time of its own."""

from __future__ import annotations

import asyncio

import psutil


def sleeping(mark: str) -> list[int]:
    """Processes that sleep for that long."""
    return [
        process.pid
        for process in psutil.process_iter(["cmdline"])
        if (process.info["cmdline"] or [])[:1] == ["sleep"] and mark in process.info["cmdline"]
    ]


async def appeared(mark: str) -> list[int]:
    """The same, as soon as there are any."""
    async with asyncio.timeout(5):
        while not (found := sleeping(mark)):
            await asyncio.sleep(0.02)
    return found
