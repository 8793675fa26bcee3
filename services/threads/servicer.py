"""The edge of threads: decode, one use case, encode."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from google.api.httpbody_pb2 import HttpBody
from mesh.threads.v1 import threads_pb2 as pb
from mesh.threads.v1 import threads_pb2_grpc as rpc

from services.kit.context import current_caller
from services.threads import codec, rest_codec
from services.threads.domain import Ensured
from services.threads.ports import ThreadStore
from services.threads.use_cases.append_messages import AddMessage, AppendMessages
from services.threads.use_cases.check_access import CheckAccess
from services.threads.use_cases.create_thread import CreateProjectThread, CreateThread
from services.threads.use_cases.delete_thread import DeleteProject, DeleteThread
from services.threads.use_cases.ensure_thread import EnsureThread
from services.threads.use_cases.get_thread import GetProject, GetThread
from services.threads.use_cases.list_messages import ListMessages, LoadContext
from services.threads.use_cases.list_threads import ListThreads
from services.threads.use_cases.search_threads import SearchThreads
from services.threads.use_cases.update_thread import UpdateThread

_PAGE = 100
_RESULTS = 10


@dataclass(frozen=True, slots=True)
class UseCases:
    """What the servicers call."""

    create_thread: CreateThread
    create_project_thread: CreateProjectThread
    ensure_thread: EnsureThread
    get_thread: GetThread
    get_project: GetProject
    list_threads: ListThreads
    search_threads: SearchThreads
    update_thread: UpdateThread
    delete_thread: DeleteThread
    delete_project: DeleteProject
    list_messages: ListMessages
    load_context: LoadContext
    add_message: AddMessage
    append_messages: AppendMessages
    check_access: CheckAccess
    store: ThreadStore


def _account() -> str:
    return current_caller().account_id


class ThreadsServicer(rpc.ThreadsServicer):
    """Threads for callers that speak gRPC."""

    def __init__(self, use: UseCases) -> None:
        self._use = use

    async def CreateThread(self, request: pb.CreateThreadRequest, _context: Any) -> pb.CreateThreadResponse:
        name = codec.decode_name(request.name, "name")
        made = await self._use.create_thread(_account(), name, codec.decode_id(request.request_id))
        return pb.CreateThreadResponse(thread_id=made.thread_id, project_id=made.project_id)

    async def CreateProjectThread(
        self, request: pb.CreateProjectThreadRequest, _context: Any
    ) -> pb.CreateProjectThreadResponse:
        project_id, request_id = codec.decode_id(request.project_id), codec.decode_id(request.request_id)
        made = await self._use.create_project_thread(_account(), project_id, request_id)
        return pb.CreateProjectThreadResponse(thread_id=made.thread_id, project_id=made.project_id)

    async def GetThread(self, request: pb.GetThreadRequest, _context: Any) -> pb.GetThreadResponse:
        thread = await self._use.get_thread(_account(), codec.decode_id(request.thread_id))
        return pb.GetThreadResponse(thread=codec.encode_thread(thread))

    async def ListThreads(self, request: pb.ListThreadsRequest, _context: Any) -> pb.ListThreadsResponse:
        before = codec.decode_thread_key(request.page_token)
        project_id = codec.decode_id(request.project_id) or None
        page = await self._use.list_threads.after(_account(), project_id, before, request.page_size or _PAGE)
        return codec.encode_thread_page(page)

    async def SearchThreads(self, request: pb.SearchThreadsRequest, _context: Any) -> pb.SearchThreadsResponse:
        found, total = await self._use.search_threads(_account(), request.q, request.limit or _RESULTS)
        return codec.encode_found(found, total)

    async def UpdateThread(self, request: pb.UpdateThreadRequest, _context: Any) -> pb.UpdateThreadResponse:
        title = codec.decode_name(request.title, "title") if request.HasField("title") else None
        is_public = request.is_public if request.HasField("is_public") else None
        thread = await self._use.update_thread(_account(), codec.decode_id(request.thread_id), title, is_public)
        return pb.UpdateThreadResponse(thread=codec.encode_thread(thread))

    async def DeleteThread(self, request: pb.DeleteThreadRequest, _context: Any) -> pb.DeleteThreadResponse:
        thread_id = codec.decode_id(request.thread_id)
        await self._use.delete_thread(_account(), thread_id)
        return pb.DeleteThreadResponse(message="Thread deleted", thread_id=thread_id)

    async def ListMessages(self, request: pb.ListMessagesRequest, _context: Any) -> pb.ListMessagesResponse:
        page = await self._use.list_messages.page(
            _account(),
            codec.decode_id(request.thread_id),
            codec.decode_position(request.page_token),
            request.page_size or _PAGE,
            newest_first=request.order == "desc",
        )
        return codec.encode_message_page(page)

    async def AddMessage(self, request: pb.AddMessageRequest, _context: Any) -> pb.AddMessageResponse:
        thread_id, request_id = codec.decode_id(request.thread_id), codec.decode_id(request.request_id)
        message = await self._use.add_message(_account(), thread_id, request.text, request_id)
        return pb.AddMessageResponse(message=codec.encode_message(message))

    async def GetProject(self, request: pb.GetProjectRequest, _context: Any) -> pb.GetProjectResponse:
        project = await self._use.get_project(_account(), codec.decode_id(request.project_id))
        return pb.GetProjectResponse(project=codec.encode_project(project))

    async def DeleteProject(self, request: pb.DeleteProjectRequest, _context: Any) -> pb.DeleteProjectResponse:
        project_id = codec.decode_id(request.project_id)
        gone = await self._use.delete_project(_account(), project_id)
        return pb.DeleteProjectResponse(message="Project deleted", project_id=project_id, threads_deleted=gone.threads)


class ThreadsRestServicer(rpc.ThreadsRestServicer):
    """Threads as the web client reads them."""

    def __init__(self, use: UseCases) -> None:
        self._use = use

    async def ListThreads(self, request: pb.ThreadsRestListThreadsRequest, _context: Any) -> HttpBody:
        return await self._list(None, request.page or 1, request.limit or _PAGE)

    async def ListProjectThreads(self, request: pb.ThreadsRestListProjectThreadsRequest, _context: Any) -> HttpBody:
        return await self._list(codec.decode_id(request.project_id), request.page or 1, request.limit or _PAGE)

    async def _list(self, project_id: str | None, number: int, size: int) -> HttpBody:
        page = await self._use.list_threads.numbered(_account(), project_id, number, size)
        return rest_codec.thread_page_body(page, number, size)

    async def ListMessages(self, request: pb.ThreadsRestListMessagesRequest, _context: Any) -> HttpBody:
        optimized = request.optimized or not request.HasField("optimized")
        thread_id = codec.decode_id(request.thread_id)
        rows = await self._use.list_messages.whole(_account(), thread_id, only_shown=optimized)
        return rest_codec.messages_body(rows[::-1] if request.order == "asc" else rows, optimized)

    async def AddMessage(self, request: pb.ThreadsRestAddMessageRequest, _context: Any) -> HttpBody:
        text = rest_codec.decode_text(request.body)
        message = await self._use.add_message(_account(), codec.decode_id(request.thread_id), text, "")
        return rest_codec.message_body(message)


class ThreadsInternalServicer(rpc.ThreadsInternalServicer):
    """Threads for other services, on behalf of the account that they name."""

    def __init__(self, use: UseCases) -> None:
        self._use = use

    async def EnsureThread(self, request: pb.EnsureThreadRequest, _context: Any) -> pb.EnsureThreadResponse:
        ensured = await self._ensured(request)
        return pb.EnsureThreadResponse(
            thread_id=ensured.thread_id, project_id=ensured.project_id, created=ensured.created
        )

    async def _ensured(self, request: pb.EnsureThreadRequest) -> Ensured:
        account_id, thread_id = codec.decode_id(request.account_id), codec.decode_id(request.thread_id)
        if not request.create:
            return await self._use.ensure_thread.existing(account_id, thread_id)
        name = codec.decode_name(request.name, "name")
        return await self._use.ensure_thread(account_id, thread_id, codec.decode_id(request.project_id), name)

    async def AppendMessages(self, request: pb.AppendMessagesRequest, _context: Any) -> pb.AppendMessagesResponse:
        drafts = [codec.decode_draft(message) for message in request.messages]
        account_id, thread_id = codec.decode_id(request.account_id), codec.decode_id(request.thread_id)
        alive = await self._use.append_messages(account_id, thread_id, drafts)
        return pb.AppendMessagesResponse(deleted=not alive)

    async def LoadContext(self, request: pb.LoadContextRequest, _context: Any) -> pb.LoadContextResponse:
        account_id, thread_id = codec.decode_id(request.account_id), codec.decode_id(request.thread_id)
        rows = await self._use.load_context(account_id, thread_id, request.turn, request.limit)
        return pb.LoadContextResponse(messages=map(codec.encode_message, rows))

    async def CheckAccess(self, request: pb.CheckAccessRequest, _context: Any) -> pb.CheckAccessResponse:
        viewer, check = codec.decode_id(request.account_id), self._use.check_access
        if request.HasField("thread_id"):
            access, standing = await check.to_thread(viewer, codec.decode_id(request.thread_id))
        else:
            access, standing = await check.to_project(viewer, codec.decode_id(request.project_id))
        return pb.CheckAccessResponse(
            access=codec.encode_access(access),
            account_id=standing.account_id if standing else "",
            project_id=standing.project_id if standing else "",
        )

    async def CountThreads(self, request: pb.CountThreadsRequest, _context: Any) -> pb.CountThreadsResponse:
        usage = await self._use.store.usage(codec.decode_id(request.account_id))
        return pb.CountThreadsResponse(projects=usage.projects, threads=usage.threads)
