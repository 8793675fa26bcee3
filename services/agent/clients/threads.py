"""threads, as the agent needs it."""

from __future__ import annotations

import json
from typing import Final
from uuid import UUID

import grpc
from mesh.threads.v1 import threads_pb2, threads_pb2_grpc

from services.agent.ports import ThreadRef, Visibility
from services.kit.clock import Clock

IDEMPOTENT: Final = tuple(
    f"/mesh.threads.v1.ThreadsInternal/{method}"
    for method in ("EnsureThread", "AppendMessages", "LoadContext", "CheckAccess")
)
ACCESS_TTL_S: Final = 5.0
ACCESS_CACHE: Final = 10_000

_ACCESS: Final[dict[int, Visibility]] = {
    threads_pb2.ACCESS_NONE: Visibility("none"),
    threads_pb2.ACCESS_READ: Visibility("read"),
    threads_pb2.ACCESS_OWNER: Visibility("owner"),
}


class ThreadsClient:
    """Threads over gRPC."""

    def __init__(self, channel: grpc.aio.Channel, clock: Clock) -> None:
        self._stub = threads_pb2_grpc.ThreadsInternalStub(channel)
        self._clock = clock
        self._access: dict[tuple[UUID | None, UUID], tuple[float, Visibility]] = {}

    async def ensure(
        self, account_id: UUID, thread_id: UUID, project_id: UUID | None, create: bool, name: str
    ) -> ThreadRef:
        reply = await self._stub.EnsureThread(
            threads_pb2.EnsureThreadRequest(
                account_id=str(account_id),
                thread_id=str(thread_id),
                project_id=str(project_id) if project_id else "",
                create=create,
                name=name,
            ),
            timeout=5,
        )
        return ThreadRef(UUID(reply.thread_id), UUID(reply.project_id), reply.created)

    async def access(self, account_id: UUID | None, thread_id: UUID) -> Visibility:
        key, now = (account_id, thread_id), self._clock.monotonic()
        known = self._access.get(key)
        if known and now - known[0] < ACCESS_TTL_S:
            return known[1]
        reply = await self._stub.CheckAccess(
            threads_pb2.CheckAccessRequest(account_id=str(account_id) if account_id else "", thread_id=str(thread_id)),
            timeout=5,
        )
        if len(self._access) >= ACCESS_CACHE:
            self._access.clear()
        visibility = _ACCESS.get(reply.access, Visibility("none"))
        self._access[key] = (now, visibility)
        return visibility

    async def context(self, account_id: UUID, thread_id: UUID, turn: int) -> list[dict[str, object]]:
        reply = await self._stub.LoadContext(
            threads_pb2.LoadContextRequest(thread_id=str(thread_id), account_id=str(account_id), turn=turn),
            timeout=10,
        )
        return [json.loads(message.content_json) for message in reply.messages if message.is_llm_message]

    async def deliver(self, account_id: UUID, payload: bytes) -> bool:  # noqa: ARG002 -- the payload names it
        reply = await self._stub.AppendMessages(threads_pb2.AppendMessagesRequest.FromString(payload), timeout=5)
        deleted: bool = reply.deleted
        return deleted
