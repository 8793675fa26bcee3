"""A fake tool of each class in the real catalogue: the real service executes it, and it writes down what it did.

The queryable one has its effect in a place that knows it by key, as a process in a sandbox is known: who asks for the
key again finds it running or done. The idempotent one has its effect at somebody who knows keys: the first execution
with a key makes something, those that repeat it are told what was made. Another key makes another thing.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

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
        return await self._effect("idempotent", running, arguments, made=self._made)

    @function("Write once.", ToolClass.AT_MOST_ONCE, _ARGUMENTS, required=_REQUIRED)
    async def effect_once(self, running: Running, arguments: Arguments) -> ToolResult:
        return await self._effect("once", running, arguments)

    @function("Write, and be known by key.", ToolClass.QUERYABLE, _ARGUMENTS, required=_REQUIRED)
    async def effect_queryable(self, running: Running, arguments: Arguments) -> ToolResult:
        if not running.resumed:  # else it was begun, and is only looked for
            self._points.book.note(kind="start", key=running.call.key, mark=arguments["mark"])
        place = self._place(running)
        await self._points.reach("effect.before")
        try:
            place.touch(exist_ok=False)
        except FileExistsError:
            pass
        else:
            self._points.book.note(kind="queryable", key=running.call.key, mark=arguments["mark"])
        await self._points.reach("effect.after")
        takes = arguments["ms"] / 1000
        left = place.stat().st_mtime + takes - time.time()
        running.emit("working\n")
        await asyncio.sleep(min(max(left, 0), takes))  # however wrong the clock is
        return succeeded({"mark": arguments["mark"]})

    def _place(self, running: Running) -> Path:
        return self._remote / running.call.key.replace("/", "_")

    def _made(self, running: Running) -> str:
        """What the first execution with this key made, at once or not at all."""
        place, mine = self._place(running), self._remote / f"{uuid4()}.new"
        mine.write_text(str(uuid4()))
        with suppress(FileExistsError):
            os.link(mine, place)
        mine.unlink()
        return place.read_text()

    async def _effect(
        self, kind: str, running: Running, arguments: Arguments, made: Callable[[Running], str] = lambda _: ""
    ) -> ToolResult:
        await self._points.reach("effect.before")
        self._points.book.note(kind=kind, key=running.call.key, mark=arguments["mark"], made=made(running))
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
