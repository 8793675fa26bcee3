"""Put a form's file into a sandbox."""

from __future__ import annotations

from services.gateway.edge.domain import Form, Json, UploadedFile
from services.gateway.edge.ports import Sandboxes
from services.kit.errors import InvalidArgument


class UploadFile:
    """The form has `path` and one `file`."""

    def __init__(self, sandboxes: Sandboxes) -> None:
        self._sandboxes = sandboxes

    async def to_sandbox(self, sandbox_id: str, form: Form) -> Json:
        """Into a sandbox that exists."""
        path, file = _read(form)
        return (await self._sandboxes.upload(sandbox_id, path, file)).answer

    async def to_project(self, project_id: str, form: Form) -> Json:
        """Into the project's sandbox, made if need be."""
        path, file = _read(form)
        return (await self._sandboxes.upload_to_project(project_id, path, file)).answer

    async def in_place(self, sandbox_id: str, form: Form) -> Json:
        """Into a sandbox that exists, in place of what has that name."""
        path, file = _read(form)
        stored = await self._sandboxes.replace(sandbox_id, path, file)
        return {"status": "success", "updated": True, "path": stored.path}


def _read(form: Form) -> tuple[str, UploadedFile]:
    path = form.fields.get("path", "").strip()
    if not path:
        raise InvalidArgument.of("path", "is missing")
    for name, file in form.files:
        if name == "file":
            return path, file
    raise InvalidArgument.of("file", "is missing")
