"""The RPCs that tools uses, over plain processes and files."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from mesh.sandbox.v1 import sandbox_pb2 as pb
from mesh.sandbox.v1 import sandbox_pb2_grpc

from services.kit.errors import Conflict, InvalidArgument, NotFound, Unavailable
from services.kit.tasks import Supervisor
from tests.fakes.sandbox.processes import FakeProcesses
from tests.support.harness import serve_fake

_PIECE = 65536


class FakeSandboxServicer(sandbox_pb2_grpc.SandboxInternalServicer):
    """Knows every project. `changes` lists the paths of file changes; `cuts` lists after how many parts each of the
    next streams of output breaks; `away` refuses changes of files, once each, after they were made; `pending` files are
    on their way."""

    def __init__(self, root: Path, processes: FakeProcesses) -> None:
        self.root = root
        self.processes = processes
        self.changes: list[str] = []
        self.cuts: list[int] = []
        self.away = 0
        self.pending = 0

    def workspace(self, project_id: str) -> Path:
        path = self.root / project_id
        path.mkdir(parents=True, exist_ok=True)
        return path

    async def RunProcess(self, request: pb.RunProcessRequest, _context: Any) -> AsyncIterator[pb.RunProcessResponse]:
        if "\0" in request.command:
            raise InvalidArgument.of("command", "must not contain NUL")
        cwd = self._path(request.project_id, request.cwd or ".")
        if not cwd.is_dir():
            raise NotFound(f"No directory {request.cwd}", reason="FILE_NOT_FOUND")
        timeout_s = request.timeout.ToSeconds() or 60
        process = self.processes.start(request.key, request.command, cwd, timeout_s)
        left = self.cuts.pop(0) if self.cuts else -1
        async for part in process.watch():
            if left == 0:
                raise Unavailable
            left -= 1
            yield part

    async def KillProcess(self, request: pb.KillProcessRequest, _context: Any) -> pb.KillProcessResponse:
        process = self.processes.find(request.key)
        process.kill("killed")
        await process.ended.wait()
        return pb.KillProcessResponse(process=process.state)

    async def ReadProjectFile(
        self, request: pb.ReadProjectFileRequest, _context: Any
    ) -> AsyncIterator[pb.ReadProjectFileResponse]:
        data = self._file(request.project_id, request.path).read_bytes()
        shown = data[: request.max_bytes] if request.max_bytes else data
        yield pb.ReadProjectFileResponse(data=shown[:_PIECE], size=len(data))
        for begin in range(_PIECE, len(shown), _PIECE):
            yield pb.ReadProjectFileResponse(data=shown[begin : begin + _PIECE])

    async def CountPendingUploads(
        self, _request: pb.CountPendingUploadsRequest, _context: Any
    ) -> pb.CountPendingUploadsResponse:
        return pb.CountPendingUploadsResponse(pending_files=self.pending)

    async def ChangeProjectFile(
        self, request: pb.ChangeProjectFileRequest, _context: Any
    ) -> pb.ChangeProjectFileResponse:
        if request.HasField("write"):
            self._write(request)
        else:
            self._file(request.project_id, request.path).unlink()
        self.changes.append(request.path)
        if self.away:
            self.away -= 1
            raise Unavailable
        return pb.ChangeProjectFileResponse(path=f"/workspace/{request.path.removeprefix('/workspace/')}")

    def _write(self, request: pb.ChangeProjectFileRequest) -> None:
        write, path = request.write, self._path(request.project_id, request.path)
        if write.must_exist:
            self._file(request.project_id, request.path)
        if path.is_dir() or (write.must_not_exist and path.exists()):
            raise Conflict("It is there already, or is a directory", reason="WRONG_FILE_TYPE")
        path.parent.mkdir(parents=True, exist_ok=True)
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
        path.write_bytes(write.content)
        path.chmod(int(write.permissions, 8) if write.permissions else mode)

    def _file(self, project_id: str, name: str) -> Path:
        path = self._path(project_id, name)
        if path.is_dir():
            raise Conflict("This is a directory", reason="WRONG_FILE_TYPE")
        if not path.exists():
            raise NotFound("No such file", reason="FILE_NOT_FOUND")
        return path

    def _path(self, project_id: str, name: str) -> Path:
        relative = Path(name.removeprefix("/workspace").lstrip("/") if name.startswith("/workspace") else name)
        if relative.is_absolute() or ".." in relative.parts or "\0" in name:
            raise InvalidArgument("The path leaves the workspace", reason="INVALID_PATH")
        return self.workspace(project_id) / relative


@asynccontextmanager
async def serve_sandbox(directory: Path) -> AsyncIterator[tuple[FakeSandboxServicer, str]]:
    """A fake sandbox service, and its address."""
    async with Supervisor() as supervisor:
        # What tools never calls is not offered: UNIMPLEMENTED.
        processes = FakeProcesses(supervisor)
        servicer = FakeSandboxServicer(directory / "workspaces", processes)  # type: ignore[abstract]

        def register(server: Any) -> None:
            sandbox_pb2_grpc.add_SandboxInternalServicer_to_server(servicer, server)

        async with serve_fake("sandbox", directory, register) as address:
            yield servicer, address
