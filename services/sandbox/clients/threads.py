"""Who may see a project, asked of threads and believed for a few seconds.

Fails closed: where nothing is known and threads is away, nobody sees anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mesh.threads.v1 import threads_pb2

from services.kit.clock import Clock
from services.sandbox.domain import Access

if TYPE_CHECKING:  # exists for the type checker alone
    from mesh.threads.v1.threads_pb2_grpc import ThreadsInternalAsyncStub

IDEMPOTENT = ("/mesh.threads.v1.ThreadsInternal/CheckAccess",)
_TIMEOUT_S = 3.0
_MOST_REMEMBERED = 10_000
_ACCESS = {
    threads_pb2.ACCESS_READ: Access.READ,
    threads_pb2.ACCESS_OWNER: Access.OWNER,
}


class ThreadsProjectAccess:
    """`ports.ProjectAccess` over the RPC of threads."""

    def __init__(self, stub: ThreadsInternalAsyncStub, clock: Clock, believed_s: float) -> None:
        self._stub, self._clock, self._believed_s = stub, clock, believed_s
        self._known: dict[tuple[str, str], tuple[Access, float]] = {}

    async def of(self, project_id: str, account_id: str) -> Access:
        known = self._known.get((project_id, account_id))
        if known is not None and known[1] > self._clock.monotonic():
            return known[0]
        request = threads_pb2.CheckAccessRequest(account_id=account_id, project_id=project_id)
        answer = await self._stub.CheckAccess(request, timeout=_TIMEOUT_S)
        access = _ACCESS.get(answer.access, Access.NONE)
        self._known.pop((project_id, account_id), None)  # what is asked again becomes the newest
        while len(self._known) >= _MOST_REMEMBERED:
            self._known.pop(next(iter(self._known)))
        self._known[project_id, account_id] = (access, self._clock.monotonic() + self._believed_s)
        return access
