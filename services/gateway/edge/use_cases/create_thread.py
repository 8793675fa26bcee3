"""Make a project with one thread."""

from __future__ import annotations

from services.gateway.edge.domain import Form, Json
from services.gateway.edge.ports import Threads


class CreateThread:
    """The form's `name` is the project's; without one it gets the default."""

    def __init__(self, threads: Threads) -> None:
        self._threads = threads

    async def __call__(self, form: Form) -> Json:
        return await self._threads.create(form.fields.get("name", "").strip() or None)
