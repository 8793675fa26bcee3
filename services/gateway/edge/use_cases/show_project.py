"""Show a project with its sandbox."""

from __future__ import annotations

from services.gateway.edge.domain import Json
from services.gateway.edge.ports import Sandboxes, Threads
from services.gateway.edge.together import both, or_empty


class ShowProject:
    """Threads decides who may see it; sandbox by itself shows a stranger nothing that would let him in."""

    def __init__(self, threads: Threads, sandboxes: Sandboxes) -> None:
        self._threads = threads
        self._sandboxes = sandboxes

    async def __call__(self, project_id: str) -> Json:
        project, sandbox = await both(
            self._threads.get_project(project_id), or_empty(self._sandboxes.of_project(project_id))
        )
        return {**project, "sandbox": sandbox}
