"""Threads and projects at threads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mesh.threads.v1 import threads_pb2 as pb

from services.gateway.edge.codec.views import project_view, thread_view
from services.gateway.edge.domain import Json
from services.gateway.edge.ports import Threads

if TYPE_CHECKING:  # the asynchronous stubs are names of the type stubs alone
    from mesh.threads.v1.threads_pb2_grpc import ThreadsAsyncStub, ThreadsInternalAsyncStub


class ThreadsClient(Threads):
    """Asks threads."""

    def __init__(self, as_user: ThreadsAsyncStub, as_gateway: ThreadsInternalAsyncStub) -> None:
        self._user = as_user
        self._gateway = as_gateway

    async def create(self, name: str | None) -> Json:
        answer = await self._user.CreateThread(pb.CreateThreadRequest(name=name))
        return {"thread_id": answer.thread_id, "project_id": answer.project_id}

    async def get(self, thread_id: str) -> Json:
        return thread_view((await self._user.GetThread(pb.GetThreadRequest(thread_id=thread_id))).thread)

    async def update(self, thread_id: str, title: str | None, is_public: bool | None) -> Json:
        request = pb.UpdateThreadRequest(thread_id=thread_id, title=title, is_public=is_public)
        return thread_view((await self._user.UpdateThread(request)).thread)

    async def get_project(self, project_id: str) -> Json:
        return project_view((await self._user.GetProject(pb.GetProjectRequest(project_id=project_id))).project)

    async def ensure(self, account_id: str, thread_id: str, project_id: str | None, *, create: bool) -> tuple[str, str]:
        request = pb.EnsureThreadRequest(
            account_id=account_id, thread_id=thread_id, project_id=project_id or "", create=create
        )
        answer = await self._gateway.EnsureThread(request)
        return answer.thread_id, answer.project_id

    async def counts(self, account_id: str) -> tuple[int, int]:
        answer = await self._gateway.CountThreads(pb.CountThreadsRequest(account_id=account_id))
        return answer.projects, answer.threads
