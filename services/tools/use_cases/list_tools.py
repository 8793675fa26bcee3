"""Lists what a run may be given to call."""

from __future__ import annotations

from collections.abc import Sequence

from services.tools.catalogue.registry import ToolRegistry
from services.tools.domain.tools import FunctionInfo, ToolInfo


class ListTools:
    """The catalogue: only what works in this installation."""

    def __init__(self, registry: ToolRegistry) -> None:
        self._registry = registry

    def __call__(self) -> list[tuple[ToolInfo, Sequence[FunctionInfo]]]:
        """Each tool with its functions, nearest first."""
        return [(tool.info, [bound.info for bound in tool.functions()]) for tool in self._registry.tools]
