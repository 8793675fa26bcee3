"""The sandbox service as tools needs it. A cut stream is attached to again, and what was seen is not seen twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import grpc
from google.protobuf import duration_pb2
from mesh.sandbox.v1 import sandbox_pb2 as pb
from mesh.sandbox.v1 import sandbox_pb2_grpc

from services.kit.errors import NotFound, Unavailable
from services.tools.ports import Command, FileContent, Place, Presence, ProcessEnd, ProcessOutput

_SERVICE = "/mesh.sandbox.v1.SandboxInternal"
IDEMPOTENT = tuple(
    f"{_SERVICE}/{method}" for method in ("KillProcess", "ReadProjectFile", "ChangeProjectFile", "CountPendingUploads")
)

_FILE_S = 30.0
_KILL_S = 20.0
_COUNT_S = 3.0
_PAUSE_S = 0.2
_PERMANENT = "ISOLATION_UNAVAILABLE"


class SandboxClient:
    """Implements `ports.Sandbox`. `patience_s`: how long a command waits for a sandbox service that is away."""

    def __init__(self, channel: grpc.aio.Channel, patience_s: float) -> None:
        self._stub = sandbox_pb2_grpc.SandboxInternalStub(channel)
        self._patience_s = patience_s

    async def run(self, command: Command) -> AsyncIterator[ProcessOutput | ProcessEnd]:
        loop = asyncio.get_running_loop()
        seen, heard_at = _Seen(), loop.time()
        while True:
            try:
                async for part in self._attach(command):
                    heard_at = loop.time()
                    if isinstance(part, ProcessEnd):
                        yield part
                        return
                    fresh = seen.fresh(part)
                    if fresh is not None:
                        yield fresh
            except Unavailable as away:
                if away.reason == _PERMANENT or loop.time() - heard_at > self._patience_s:
                    raise
            seen.rewind()
            await asyncio.sleep(_PAUSE_S)

    async def _attach(self, command: Command) -> AsyncIterator[ProcessOutput | ProcessEnd]:
        timeout = duration_pb2.Duration()
        timeout.FromNanoseconds(int(command.timeout_s * 1e9))
        request = pb.RunProcessRequest(
            key=command.key,
            project_id=command.place.project_id,
            account_id=command.place.account_id,
            command=command.command,
            cwd=command.cwd,
            timeout=timeout,
        )
        async for response in self._stub.RunProcess(request):
            if response.HasField("end"):
                end = response.end
                code = end.exit_code if end.HasField("exit_code") else None
                yield ProcessEnd(end.state, code, end.message, end.unsafe)
            else:
                output = response.output
                yield ProcessOutput(output.stream, output.data, output.truncated)

    async def kill(self, key: str) -> None:
        try:
            await self._stub.KillProcess(pb.KillProcessRequest(key=key), timeout=_KILL_S)
        except NotFound:
            return

    async def read_file(self, place: Place, path: str, max_bytes: int) -> FileContent:
        request = pb.ReadProjectFileRequest(
            project_id=place.project_id, account_id=place.account_id, path=path, max_bytes=max_bytes
        )
        pieces, size = bytearray(), 0
        async for response in self._stub.ReadProjectFile(request, timeout=_FILE_S):
            pieces += response.data
            size = size or response.size
        return FileContent(bytes(pieces), size)

    async def pending_uploads(self, place: Place) -> int:
        request = pb.CountPendingUploadsRequest(project_id=place.project_id)
        return int((await self._stub.CountPendingUploads(request, timeout=_COUNT_S)).pending_files)

    async def write_file(self, place: Place, path: str, content: bytes, permissions: str, presence: Presence) -> str:
        write = pb.FileWrite(
            content=content,
            permissions=permissions,
            must_exist=presence is Presence.MUST_EXIST,
            must_not_exist=presence is Presence.MUST_NOT_EXIST,
        )
        return await self._change(place, path, pb.ChangeProjectFileRequest(write=write))

    async def delete_file(self, place: Place, path: str) -> str:
        return await self._change(place, path, pb.ChangeProjectFileRequest(delete=pb.FileDelete()))

    async def _change(self, place: Place, path: str, request: pb.ChangeProjectFileRequest) -> str:
        request.project_id, request.account_id, request.path = place.project_id, place.account_id, path
        response = await self._stub.ChangeProjectFile(request, timeout=_FILE_S)
        return str(response.path)


class _Seen:
    """How much of each output was handed on, so that a replay is skipped."""

    def __init__(self) -> None:
        self._handed: dict[str, int] = {}
        self._replayed: dict[str, int] = {}

    def rewind(self) -> None:
        """The next parts are from the start again."""
        self._replayed = {}

    def fresh(self, part: ProcessOutput) -> ProcessOutput | None:
        """What of this part was not handed on yet; None when all was."""
        begin = self._replayed.get(part.stream, 0)
        end = begin + len(part.data)
        handed = self._handed.get(part.stream, 0)
        self._replayed[part.stream] = end
        if end < handed or (end == handed and not part.truncated):
            return None
        self._handed[part.stream] = end
        return ProcessOutput(part.stream, part.data[max(handed - begin, 0) :], part.truncated and begin >= handed)
