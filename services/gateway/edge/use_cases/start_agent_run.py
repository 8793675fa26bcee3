"""Start a run from a form: its files go into the project's sandbox first, and the prompt says where they are."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from services.gateway.edge.codec.orders import decode_start, started_view
from services.gateway.edge.domain import Form, Json, StartOrder, UploadedFile
from services.gateway.edge.ports import Runs, Sandboxes, Threads
from services.kit.ids import IdSource

_FOLDER = "/workspace/uploads"


class StartAgentRun:
    """Nothing is made before the whole form is known to be right."""

    def __init__(self, threads: Threads, sandboxes: Sandboxes, runs: Runs, ids: IdSource) -> None:
        self._threads = threads
        self._sandboxes = sandboxes
        self._runs = runs
        self._ids = ids

    async def __call__(self, account_id: str, form: Form, idempotency_key: str | None) -> Json:
        order = decode_start(form.fields, idempotency_key)
        files = [file for _, file in form.files]
        sandbox_id = None
        if files:
            if order.agent_id:
                await self._runs.require_agent(order.agent_id)
            order = await self._with_place(account_id, order)
            order, sandbox_id = await self._with_files(order, files)
        started = await self._runs.start(order)
        return started_view(started.thread_id, started.agent_run_id, started.project_id, started.status, sandbox_id)

    async def _with_place(self, account_id: str, order: StartOrder) -> StartOrder:
        """Files need a project, and so the thread, before the run exists."""
        thread_id, project_id = await self._threads.ensure(
            account_id,
            order.thread_id or self._ids(),
            order.project_id,
            create=order.optimistic or order.thread_id is None,
        )
        return replace(order, thread_id=thread_id, project_id=project_id)

    async def _with_files(self, order: StartOrder, files: list[UploadedFile]) -> tuple[StartOrder, str]:
        folder, sandbox_id, paths = _folder(order), "", []
        for file in files:
            wanted = f"{folder}/{file.name}"
            stored = await self._sandboxes.upload_to_project(order.project_id or "", wanted, file)
            sandbox_id = stored.sandbox_id
            # A retry finds its own file under the name, and must say the same prompt again.
            paths.append(wanted if stored.renamed and folder != _FOLDER else stored.path)
        listed = "\n".join(f"- {path}" for path in paths)
        return replace(order, prompt=f"{order.prompt}\n\nAttached files:\n{listed}"), sandbox_id


def _folder(order: StartOrder) -> str:
    """A folder of its own for a start that may be repeated."""
    key = order.idempotency_key or (order.thread_id if order.optimistic else None)
    return f"{_FOLDER}/{hashlib.sha256(key.encode()).hexdigest()[:8]}" if key else _FOLDER
