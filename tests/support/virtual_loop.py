"""An event loop for tests in virtual time."""

from __future__ import annotations

import asyncio
from typing import Any


class VirtualLoop(asyncio.SelectorEventLoop):
    """Time passes as soon as everybody waits for it."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        self._select = self._selector.select  # type: ignore[attr-defined]
        self._selector.select = self._skip  # type: ignore[attr-defined]

    def time(self) -> float:
        return self._now

    def _skip(self, timeout: float | None) -> Any:
        self._now += timeout or 0
        return self._select(0)
