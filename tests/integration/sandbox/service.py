"""Sandbox as in production on a real Postgres, beside a threads service that knows projects from a table."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mesh.sandbox.v1 import history_pb2_grpc
from mesh.sandbox.v1 import sandbox_pb2 as pb
from mesh.sandbox.v1 import sandbox_pb2_grpc as rpc
from mesh.threads.v1 import threads_pb2, threads_pb2_grpc

from services.sandbox.app import build
from services.sandbox.config import Settings
from tests.support.harness import ACCOUNTS, ServiceHarness, make_settings, serve_fake

OWNER = ACCOUNTS["user"]
SMALL: dict[str, Any] = {
    "mesh_sandbox_disk_mib": 48,
    "mesh_sandbox_file_mib": 40,
    "mesh_sandbox_inodes": 2000,
    "mesh_sandbox_commands": 3,
    "mesh_sandbox_output_mib": 1,
    "mesh_sandbox_access_cache_s": 0.0,
    "mesh_sandbox_reserve_mib": 1,
    "mesh_sandbox_uid_count": 4096,
    "mesh_sandbox_history_pause_s": 3600.0,  # versions are made when somebody looks
}


def new_id() -> str:
    return str(uuid.uuid4())


@dataclass
class Projects(threads_pb2_grpc.ThreadsInternalServicer):
    """Who owns which project, and which are public. `asked` counts."""

    owners: dict[str, str] = field(default_factory=dict)
    public: set[str] = field(default_factory=set)
    asked: int = 0

    def make(self, account_id: str = OWNER, *, public: bool = False) -> str:
        """A project; its id."""
        project_id = new_id()
        self.owners[project_id] = account_id
        if public:
            self.public.add(project_id)
        return project_id

    async def CheckAccess(self, request: Any, context: Any) -> threads_pb2.CheckAccessResponse:
        self.asked += 1
        owner = self.owners.get(request.project_id)
        if owner and owner == request.account_id:
            return threads_pb2.CheckAccessResponse(access=threads_pb2.ACCESS_OWNER, account_id=owner)
        if request.project_id in self.public:
            return threads_pb2.CheckAccessResponse(access=threads_pb2.ACCESS_READ, account_id=owner)
        return threads_pb2.CheckAccessResponse(access=threads_pb2.ACCESS_NONE)


@dataclass
class Ran:
    """What a stream of RunProcess said."""

    stdout: bytes = b""
    stderr: bytes = b""
    truncated: bool = False
    end: pb.ProcessState = field(default_factory=pb.ProcessState)


@dataclass
class Service:
    """The running service, and stubs for the usual callers."""

    harness: ServiceHarness[Settings]
    projects: Projects

    @property
    def tools(self) -> Any:
        """As the tools service."""
        return self.harness.stub(rpc.SandboxInternalStub, "service:tools", account=OWNER)

    @property
    def threads(self) -> Any:
        """As the threads service."""
        return self.harness.stub(rpc.SandboxInternalStub, "service:threads", account=OWNER)

    def user(self, name: str = "user") -> Any:
        """As a person."""
        return self.harness.stub(rpc.SandboxesStub, name)

    def history(self, name: str = "user") -> Any:
        """As a person who looks at versions."""
        return self.harness.stub(history_pb2_grpc.SandboxHistoryStub, name)

    async def sandbox(self, project_id: str, account_id: str = OWNER) -> str:
        """The project's sandbox, made if need be."""
        answer = await self.tools.EnsureSandbox(pb.EnsureSandboxRequest(project_id=project_id, account_id=account_id))
        return str(answer.sandbox_id)

    def request(self, project_id: str, command: str, *, key: str = "", timeout_s: float = 0, **more: Any) -> Any:
        """A RunProcess request of the owner's."""
        request = pb.RunProcessRequest(
            key=key or f"{new_id()}:1:0", project_id=project_id, account_id=OWNER, command=command, **more
        )
        if timeout_s:
            request.timeout.FromNanoseconds(int(timeout_s * 1e9))
        return request

    async def run(self, project_id: str, command: str, **more: Any) -> Ran:
        """Runs a command to its end."""
        return await collect(self.tools.RunProcess(self.request(project_id, command, **more)))

    async def write(self, project_id: str, path: str, content: bytes, **more: Any) -> str:
        """Writes a file as tools does."""
        write = pb.FileWrite(content=content, **more)
        request = pb.ChangeProjectFileRequest(project_id=project_id, account_id=OWNER, path=path, write=write)
        return str((await self.tools.ChangeProjectFile(request)).path)

    async def read(self, project_id: str, path: str) -> bytes:
        """Reads a file as tools does."""
        request = pb.ReadProjectFileRequest(project_id=project_id, account_id=OWNER, path=path)
        return b"".join([part.data async for part in self.tools.ReadProjectFile(request)])


async def collect(stream: Any) -> Ran:
    """Reads a stream of RunProcess to its end and checks its form."""
    ran = Ran()
    async for part in stream:
        assert not ran.end.state, "nothing follows the end"
        if part.HasField("end"):
            ran.end = part.end
            continue
        ran.truncated = ran.truncated or part.output.truncated
        if part.output.stream == "stdout":
            ran.stdout += part.output.data
        else:
            ran.stderr += part.output.data
    assert ran.end.state
    return ran


async def until(stream: Any, wanted: bytes) -> None:
    """Reads a stream of RunProcess until its output has a text."""
    seen = b""
    while wanted not in seen:
        part = await anext(aiter(stream))
        assert not part.HasField("end"), part
        seen += part.output.data


async def upload(stub: Any, target: pb.UploadTarget, pieces: Iterable[bytes]) -> pb.UploadFileResponse:
    """Uploads in pieces."""

    async def parts() -> AsyncIterator[pb.UploadFileRequest]:
        yield pb.UploadFileRequest(target=target)
        for piece in pieces:
            yield pb.UploadFileRequest(data=piece)

    answer: pb.UploadFileResponse = await stub.UploadFile(parts())
    return answer


@asynccontextmanager
async def running_sandbox(database_url: str, directory: Path, **values: Any) -> AsyncIterator[Service]:
    """The service with small limits; `directory` must be one that every user may pass through."""
    projects = Projects()  # type: ignore[abstract] # the rest is not asked

    def register(server: Any) -> None:
        threads_pb2_grpc.add_ThreadsInternalServicer_to_server(projects, server)

    async with serve_fake("threads", directory, register) as address:
        given = {"database_url": database_url, "mesh_threads_url": address, **SMALL, **values}
        settings = make_settings(Settings, directory, **given)
        async with ServiceHarness(settings, build) as harness:
            yield Service(harness, projects)
