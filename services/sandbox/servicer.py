"""The RPC edge of sandbox: decode, call one use case, encode."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from google.api import httpbody_pb2
from mesh.sandbox.v1 import sandbox_pb2 as pb
from mesh.sandbox.v1 import sandbox_pb2_grpc

from services.kit.clock import Clock
from services.kit.context import current_caller
from services.sandbox import codec
from services.sandbox.domain import Collision
from services.sandbox.use_cases.announce_uploads import AnnounceUploads
from services.sandbox.use_cases.create_ssh_token import CreateSshToken
from services.sandbox.use_cases.delete_file import DeleteFile
from services.sandbox.use_cases.delete_sandbox import DeleteSandbox
from services.sandbox.use_cases.execute_command import ExecuteCommand
from services.sandbox.use_cases.get_sandbox import GetSandbox
from services.sandbox.use_cases.list_files import ListFiles
from services.sandbox.use_cases.open_sandbox import OpenSandbox
from services.sandbox.use_cases.process_runner import ProcessRunner
from services.sandbox.use_cases.read_file import ReadFile, pieces
from services.sandbox.use_cases.run_process import RunProcess
from services.sandbox.use_cases.stop_sandbox import StopSandbox
from services.sandbox.use_cases.write_file import UploadFile, WriteFile


@dataclass(frozen=True)
class UseCases:
    """What the RPCs call."""

    open_sandbox: OpenSandbox
    stop_sandbox: StopSandbox
    create_ssh_token: CreateSshToken
    announce_uploads: AnnounceUploads
    get_sandbox: GetSandbox
    delete_sandbox: DeleteSandbox
    list_files: ListFiles
    read_file: ReadFile
    write_file: WriteFile
    delete_file: DeleteFile
    upload_file: UploadFile
    execute_command: ExecuteCommand
    run_process: RunProcess
    runner: ProcessRunner
    clock: Clock


class SandboxesServicer(sandbox_pb2_grpc.SandboxesServicer):
    """For people."""

    def __init__(self, use: UseCases) -> None:
        self._use = use

    async def GetProjectSandbox(
        self, request: pb.GetProjectSandboxRequest, _context: Any
    ) -> pb.GetProjectSandboxResponse:
        view = await self._use.get_sandbox(request.project_id.lower(), current_caller().account_id)
        return codec.encode_project_sandbox(view)

    async def GetSandboxStatus(self, request: pb.GetSandboxStatusRequest, _context: Any) -> pb.GetSandboxStatusResponse:
        project_id = request.project_id.lower()
        view = await self._use.get_sandbox(project_id, current_caller().account_id)
        return codec.encode_status(view, project_id, self._use.clock.now())

    async def StartSandbox(self, request: pb.StartSandboxRequest, _context: Any) -> pb.StartSandboxResponse:
        visit = codec.decode_project_visit(current_caller().account_id, request.project_id)
        sandbox = await self._use.open_sandbox.to_change(visit)
        return pb.StartSandboxResponse(status="success", sandbox_id=sandbox.sandbox_id, message="The sandbox runs")

    async def StopSandbox(self, request: pb.StopSandboxRequest, _context: Any) -> pb.StopSandboxResponse:
        visit = codec.decode_project_visit(current_caller().account_id, request.project_id)
        sandbox = await self._use.stop_sandbox(visit)
        return pb.StopSandboxResponse(status="success", sandbox_id=sandbox.sandbox_id, message="The sandbox is stopped")

    async def AnnounceUploads(self, request: pb.AnnounceUploadsRequest, _context: Any) -> pb.AnnounceUploadsResponse:
        visit = codec.decode_project_visit(current_caller().account_id, request.project_id)
        pending = await self._use.announce_uploads.begin(visit, request.file_count)
        return pb.AnnounceUploadsResponse(status="ok", pending_files=pending)

    async def CompleteUploads(self, request: pb.CompleteUploadsRequest, _context: Any) -> pb.CompleteUploadsResponse:
        await self._use.announce_uploads.complete(
            codec.decode_project_visit(current_caller().account_id, request.project_id)
        )
        return pb.CompleteUploadsResponse(status="ok")

    async def CreateSshToken(self, request: pb.CreateSshTokenRequest, _context: Any) -> pb.CreateSshTokenResponse:
        visit = codec.decode_visit(current_caller().account_id, request.sandbox_id)
        minutes = codec.decode_minutes(request)
        return codec.encode_ssh_access(await self._use.create_ssh_token(visit, minutes), minutes)

    async def ListFiles(self, request: pb.ListFilesRequest, _context: Any) -> pb.ListFilesResponse:
        door = codec.decode_door(current_caller().account_id, request)
        listing = await self._use.list_files(door, request.path)
        return pb.ListFilesResponse(files=codec.encode_files(listing), truncated=listing.truncated)

    async def ReadFile(self, request: pb.ReadFileRequest, _context: Any) -> AsyncIterator[httpbody_pb2.HttpBody]:
        door = codec.decode_door(current_caller().account_id, request)
        async with self._use.read_file(door, request.path) as file:
            if not file.size:
                yield httpbody_pb2.HttpBody(content_type="application/octet-stream")
            async for piece in pieces(file):
                yield httpbody_pb2.HttpBody(content_type="application/octet-stream", data=piece)

    async def WriteFile(self, request: pb.WriteFileRequest, _context: Any) -> pb.WriteFileResponse:
        visit = codec.decode_visit(current_caller().account_id, request.sandbox_id)
        content = request.content.encode()
        stored = await self._use.write_file(visit, request.path, content, collision=Collision.REPLACE)
        return pb.WriteFileResponse(status="success", updated=True, path=stored.path)

    async def DeleteFile(self, request: pb.DeleteFileRequest, _context: Any) -> pb.DeleteFileResponse:
        visit = codec.decode_visit(current_caller().account_id, request.sandbox_id)
        path = await self._use.delete_file(visit, request.path)
        return pb.DeleteFileResponse(status="success", deleted=True, path=path)

    async def UploadFile(
        self, request_iterator: AsyncIterator[pb.UploadFileRequest], _context: Any
    ) -> pb.UploadFileResponse:
        target = codec.decode_target(await anext(request_iterator, None))
        door = codec.decode_door(current_caller().account_id, target)
        collision = Collision.REPLACE if target.replace else Collision.RENAME
        data = (codec.decode_data(part) async for part in request_iterator)
        return codec.encode_upload(
            await self._use.upload_file(door, target.path, data, collision=collision), target.path
        )

    async def ExecuteCommand(self, request: pb.ExecuteCommandRequest, _context: Any) -> pb.ExecuteCommandResponse:
        door = codec.decode_door(current_caller().account_id, request)
        return codec.encode_executed(await self._use.execute_command(door, request.command, request.cwd))


class SandboxInternalServicer(sandbox_pb2_grpc.SandboxInternalServicer):
    """For the other services."""

    def __init__(self, use: UseCases) -> None:
        self._use = use

    async def EnsureSandbox(self, request: pb.EnsureSandboxRequest, _context: Any) -> pb.EnsureSandboxResponse:
        sandbox, made = await self._use.open_sandbox.ensure(codec.decode_errand(request))
        return pb.EnsureSandboxResponse(sandbox_id=sandbox.sandbox_id, created=made, status=sandbox.status)

    async def DeleteProjectSandbox(
        self, request: pb.DeleteProjectSandboxRequest, _context: Any
    ) -> pb.DeleteProjectSandboxResponse:
        await self._use.delete_sandbox(request.project_id.lower())
        return pb.DeleteProjectSandboxResponse()

    async def RunProcess(self, request: pb.RunProcessRequest, _context: Any) -> AsyncIterator[pb.RunProcessResponse]:
        key, errand = codec.decode_key(request.key), codec.decode_errand(request)
        timeout_s = codec.decode_timeout(request)
        if request.attach_only:
            await self._use.runner.find(key)
        process = await self._use.run_process(errand, key, request.command, request.cwd, timeout_s)
        async for chunk in self._use.runner.output(process):
            yield codec.encode_output(chunk)
        yield pb.RunProcessResponse(end=codec.encode_process(await self._use.runner.ended(process)))

    async def GetProcess(self, request: pb.GetProcessRequest, _context: Any) -> pb.GetProcessResponse:
        process = await self._use.runner.find(codec.decode_key(request.key))
        return pb.GetProcessResponse(process=codec.encode_process(process))

    async def KillProcess(self, request: pb.KillProcessRequest, _context: Any) -> pb.KillProcessResponse:
        process = await self._use.runner.kill(codec.decode_key(request.key))
        return pb.KillProcessResponse(process=codec.encode_process(process))

    async def ReadProjectFile(
        self, request: pb.ReadProjectFileRequest, _context: Any
    ) -> AsyncIterator[pb.ReadProjectFileResponse]:
        async with self._use.read_file(codec.decode_errand(request), request.path) as file:
            yield pb.ReadProjectFileResponse(size=file.size)
            async for piece in pieces(file, request.max_bytes):
                yield pb.ReadProjectFileResponse(data=piece)

    async def ChangeProjectFile(
        self, request: pb.ChangeProjectFileRequest, _context: Any
    ) -> pb.ChangeProjectFileResponse:
        errand, write = codec.decode_errand(request), request.write
        if request.HasField("delete"):
            return pb.ChangeProjectFileResponse(path=await self._use.delete_file(errand, request.path))
        mode, collision = codec.decode_mode(write), codec.decode_collision(write)
        stored = await self._use.write_file(errand, request.path, write.content, mode=mode, collision=collision)
        return pb.ChangeProjectFileResponse(path=stored.path)

    async def ListProjectFiles(self, request: pb.ListProjectFilesRequest, _context: Any) -> pb.ListProjectFilesResponse:
        listing = await self._use.list_files(codec.decode_errand(request), request.path)
        return pb.ListProjectFilesResponse(files=codec.encode_files(listing), truncated=listing.truncated)

    async def CountPendingUploads(
        self, request: pb.CountPendingUploadsRequest, _context: Any
    ) -> pb.CountPendingUploadsResponse:
        pending = await self._use.announce_uploads.pending(request.project_id.lower())
        return pb.CountPendingUploadsResponse(pending_files=pending)
