"""Sandboxes and their files at sandbox."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from mesh.sandbox.v1 import sandbox_pb2 as pb

from services.gateway.edge.codec.views import sandbox_view, upload_view
from services.gateway.edge.domain import Json, Stored, UploadedFile
from services.gateway.edge.ports import Sandboxes

if TYPE_CHECKING:  # the asynchronous stubs are names of the type stubs alone
    from mesh.sandbox.v1.sandbox_pb2_grpc import SandboxesAsyncStub


_PIECE = 1024 * 1024
_UPLOAD_S = 600.0


class SandboxClient(Sandboxes):
    """Asks sandbox, as the user."""

    def __init__(self, as_user: SandboxesAsyncStub) -> None:
        self._user = as_user

    async def of_project(self, project_id: str) -> Json:
        answer = await self._user.GetProjectSandbox(pb.GetProjectSandboxRequest(project_id=project_id))
        return sandbox_view(answer)

    async def upload_to_project(self, project_id: str, path: str, file: UploadedFile) -> Stored:
        return await self._upload(pb.UploadTarget(project_id=project_id, path=path), file)

    async def upload(self, sandbox_id: str, path: str, file: UploadedFile) -> Stored:
        return await self._upload(pb.UploadTarget(sandbox_id=sandbox_id, path=path), file)

    async def replace(self, sandbox_id: str, path: str, file: UploadedFile) -> Stored:
        return await self._upload(pb.UploadTarget(sandbox_id=sandbox_id, path=path, replace=True), file)

    async def _upload(self, target: pb.UploadTarget, file: UploadedFile) -> Stored:
        answer = await self._user.UploadFile(_requests(target, file), timeout=_UPLOAD_S)
        return Stored(answer.path, answer.sandbox_id, answer.renamed, upload_view(answer))


async def _requests(target: pb.UploadTarget, file: UploadedFile) -> AsyncIterator[pb.UploadFileRequest]:
    yield pb.UploadFileRequest(target=target)
    async for piece in file.pieces(_PIECE):
        yield pb.UploadFileRequest(data=piece)
