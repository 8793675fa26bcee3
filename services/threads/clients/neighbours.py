"""Deletions, told to agent (which stops the runs) and to sandbox (which deletes the workspace)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mesh.agent.v1 import runs_pb2
from mesh.sandbox.v1 import sandbox_pb2

from services.kit.context import acting_for
from services.threads.domain import Notice

if TYPE_CHECKING:  # the asynchronous stubs are names of the type stubs alone
    from mesh.agent.v1.runs_pb2_grpc import AgentInternalAsyncStub
    from mesh.sandbox.v1.sandbox_pb2_grpc import SandboxInternalAsyncStub

_TIMEOUT_S = 10.0
_BATCH = 1000


class RpcNeighbours:
    """Neighbours over their RPCs, in the name of the account that deleted."""

    def __init__(self, agent: AgentInternalAsyncStub, sandbox: SandboxInternalAsyncStub) -> None:
        self._agent = agent
        self._sandbox = sandbox

    async def deliver(self, notice: Notice) -> None:
        with acting_for(notice.account_id):
            if notice.target == "agent":
                await self._stop_runs(notice.thread_ids)
            else:
                request = sandbox_pb2.DeleteProjectSandboxRequest(project_id=notice.project_id)
                await self._sandbox.DeleteProjectSandbox(request, timeout=_TIMEOUT_S)

    async def _stop_runs(self, thread_ids: tuple[str, ...]) -> None:
        for start in range(0, len(thread_ids), _BATCH):
            request = runs_pb2.StopThreadRunsRequest(thread_ids=thread_ids[start : start + _BATCH])
            await self._agent.StopThreadRuns(request, timeout=_TIMEOUT_S)
