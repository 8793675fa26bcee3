"""A fake tool of each class in the real catalogue: the real service executes it, and it writes down what it did.

The queryable one has its effect in a place that knows it by key, as a process in a sandbox is known: who asks for the
key again finds it running or done.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any, ClassVar

from services.tools import app
from services.tools.catalogue.tool import Arguments, Running, Tool, function, integer, text
from services.tools.domain.tools import ToolClass, ToolInfo, ToolResult, succeeded
from tests.chaos.points import Points

_ARGUMENTS = {"mark": text("What to write."), "ms": integer("How long it takes.", 0, 10_000)}
_REQUIRED = ("mark", "ms")


class EffectTool(Tool):
    """Writes a mark."""

    info: ClassVar[ToolInfo] = ToolInfo("effect_tool", "Effect", "Leave a mark", weight=1, is_core=True)

    def __init__(self, points: Points, folder: Path) -> None:
        self._points = points
        self._remote = folder / "remote"
        self._remote.mkdir(exist_ok=True)

    @function("Read.", ToolClass.PURE, _ARGUMENTS, required=_REQUIRED)
    async def effect_pure(self, running: Running, arguments: Arguments) -> ToolResult:
        return await self._effect("pure", running, arguments)

    @function("Write again as often as you like.", ToolClass.IDEMPOTENT, _ARGUMENTS, required=_REQUIRED)
    async def effect_idempotent(self, running: Running, arguments: Arguments) -> ToolResult:
        running.ensure_owned()
        return await self._effect("idempotent", running, arguments)

    @function("Write once.", ToolClass.AT_MOST_ONCE, _ARGUMENTS, required=_REQUIRED)
    async def effect_once(self, running: Running, arguments: Arguments) -> ToolResult:
        return await self._effect("once", running, arguments)

    @function("Write, and be known by key.", ToolClass.QUERYABLE, _ARGUMENTS, required=_REQUIRED)
    async def effect_queryable(self, running: Running, arguments: Arguments) -> ToolResult:
        place = self._remote / running.call.key.replace("/", "_")
        await self._points.reach("effect.before")
        try:
            place.touch(exist_ok=False)
        except FileExistsError:
            pass
        else:
            self._points.book.note(kind="queryable", key=running.call.key, mark=arguments["mark"])
        await self._points.reach("effect.after")
        left = place.stat().st_mtime + arguments["ms"] / 1000 - time.time()
        running.emit("working\n")
        await asyncio.sleep(max(left, 0))
        return succeeded({"mark": arguments["mark"]})

    async def _effect(self, kind: str, running: Running, arguments: Arguments) -> ToolResult:
        await self._points.reach("effect.before")
        self._points.book.note(kind=kind, key=running.call.key, mark=arguments["mark"])
        await self._points.reach("effect.after")
        running.emit("working\n")
        await asyncio.sleep(arguments["ms"] / 1000)
        return succeeded({"mark": arguments["mark"]})


def install(points: Points, folder: Path) -> None:
    """Adds the tool to what the service finds."""
    real = vars(app)["all_tools"]

    def all_tools(*args: Any) -> list[Tool]:
        return [EffectTool(points, folder), *real(*args)]

    vars(app)["all_tools"] = all_tools
