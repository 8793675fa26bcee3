"""Show a thread with its project, sandbox and newest runs, or change it and show it."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import Any

from services.gateway.edge.codec.orders import decode_thread_change
from services.gateway.edge.domain import Json
from services.gateway.edge.ports import Runs, Sandboxes, Threads
from services.gateway.edge.together import both, or_empty


class ShowThread:
    """Threads decides who may see it; the runs are asked meanwhile, and shown only then."""

    def __init__(self, threads: Threads, runs: Runs, sandboxes: Sandboxes) -> None:
        self._threads = threads
        self._runs = runs
        self._sandboxes = sandboxes

    async def __call__(self, thread_id: str) -> Json:
        return await self._composed(thread_id, self._threads.get(thread_id))

    async def changed(self, thread_id: str, body: Mapping[str, Any]) -> Json:
        """After renaming the project or setting its visibility."""
        title, is_public = decode_thread_change(body)
        return await self._composed(thread_id, self._threads.update(thread_id, title, is_public))

    async def _composed(self, thread_id: str, thread: Awaitable[Json]) -> Json:
        view, runs = await both(thread, self._runs.recent(thread_id))
        sandbox = await or_empty(self._sandboxes.of_project(view["project_id"]))
        project = {**view["project"], "sandbox": sandbox}
        return {**view, "project": project, "recent_agent_runs": runs, "_pending": False}
