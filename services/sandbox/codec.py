"""Between messages of the wire and the domain; pure.

Ids come in any case and are kept in lower case.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp
from mesh.sandbox.v1 import sandbox_pb2 as pb

from services.kit.errors import InvalidArgument
from services.sandbox.domain import (
    Collision,
    Door,
    Errand,
    FileEntry,
    Listing,
    OutputChunk,
    Process,
    ProjectVisit,
    Sandbox,
    SandboxStatus,
    SshAccess,
    Visit,
)
from services.sandbox.use_cases.create_ssh_token import DEFAULT_MINUTES
from services.sandbox.use_cases.execute_command import Executed
from services.sandbox.use_cases.get_sandbox import View
from services.sandbox.use_cases.write_file import Uploaded

_Placed = pb.ListFilesRequest | pb.ReadFileRequest | pb.ExecuteCommandRequest | pb.UploadTarget

GIB = 1024**3
_STATES = {
    SandboxStatus.LIVE: "started",
    SandboxStatus.STARTING: "starting",
    SandboxStatus.OFFLINE: "stopped",
    SandboxStatus.FAILED: "error",
    SandboxStatus.UNKNOWN: "unknown",
}
"""In the words that the web client knows from its first provider."""
DEFAULT_TIMEOUT_S = 60.0


def decode_visit(account_id: str, sandbox_id: str) -> Visit:
    """A caller at a sandbox."""
    return Visit(account_id, sandbox_id.lower())


def decode_door(account_id: str, request: _Placed) -> Door:
    """A caller at a sandbox, by its id or by its project's."""
    if request.HasField("sandbox_id"):
        return decode_visit(account_id, request.sandbox_id)
    return decode_project_visit(account_id, request.project_id)


def decode_project_visit(account_id: str, project_id: str) -> ProjectVisit:
    """A caller at a project's sandbox."""
    return ProjectVisit(account_id, project_id.lower())


def decode_errand(
    request: pb.EnsureSandboxRequest
    | pb.RunProcessRequest
    | pb.ReadProjectFileRequest
    | pb.ChangeProjectFileRequest
    | pb.ListProjectFilesRequest,
) -> Errand:
    """A service on behalf of an account."""
    return Errand(request.account_id.lower(), request.project_id.lower())


def decode_timeout(request: pb.RunProcessRequest) -> float:
    """Seconds; the default where none was given."""
    if not request.HasField("timeout"):
        return DEFAULT_TIMEOUT_S
    return request.timeout.seconds + request.timeout.nanos / 1e9


def decode_key(text: str) -> str:
    """A key that can be stored."""
    if "\0" in text:
        raise InvalidArgument.of("key", "must not contain NUL")
    return text


def decode_mode(write: pb.FileWrite) -> int | None:
    """Permission bits; None for those of the file that is there."""
    return int(write.permissions, 8) if write.permissions else None


def decode_collision(write: pb.FileWrite) -> Collision:
    """What to do about a file that is there, or is not."""
    if write.must_exist and write.must_not_exist:
        raise InvalidArgument.of("write.must_exist", "contradicts must_not_exist")
    if write.must_exist:
        return Collision.MUST_EXIST
    return Collision.MUST_NOT_EXIST if write.must_not_exist else Collision.REPLACE


def decode_target(first: pb.UploadFileRequest | None) -> pb.UploadTarget:
    """Where an upload goes."""
    if first is None or not first.HasField("target"):
        raise InvalidArgument.of("target", "must come first")
    return first.target


def decode_data(part: pb.UploadFileRequest) -> bytes:
    """A piece of an upload."""
    if not part.HasField("data"):
        raise InvalidArgument.of("data", "must follow the target")
    return part.data


def encode_project_sandbox(view: View) -> pb.GetProjectSandboxResponse:
    sandbox = encode_sandbox(view.sandbox, view) if view.sandbox else None
    return pb.GetProjectSandboxResponse(status=view.status, sandbox=sandbox)


def encode_sandbox(sandbox: Sandbox, view: View) -> pb.Sandbox:
    """Local sandboxes have no password, token or URLs, so there is nothing to hide from anybody."""
    return pb.Sandbox(
        id=sandbox.sandbox_id,
        project_id=sandbox.project_id,
        status=view.status,
        provider=sandbox.provider,
        created_at=_timestamp(sandbox.created_at),
        unsafe=view.isolation.unsafe,
    )


def encode_status(view: View, project_id: str, now: datetime) -> pb.GetSandboxStatusResponse:
    return pb.GetSandboxStatusResponse(
        status=view.status,
        sandbox_id=view.sandbox.sandbox_id if view.sandbox else None,
        project_id=project_id,
        daytona_state=_STATES[view.status],
        last_checked=_timestamp(now),
        error=view.error or None,
        cpu=view.limits.cpus,
        memory=view.limits.memory_bytes / GIB,
        disk=view.limits.disk_bytes / GIB,
        target=view.isolation.level,
        unsafe=view.isolation.unsafe,
    )


def encode_files(listing: Listing) -> Iterator[pb.FileInfo]:
    return (_file(entry) for entry in listing.entries)


def _file(entry: FileEntry) -> pb.FileInfo:
    return pb.FileInfo(
        name=entry.name,
        path=entry.path,
        is_dir=entry.is_dir,
        size=entry.size,
        mod_time=entry.modified_at.isoformat(),
        permissions=stat.filemode(entry.mode),
    )


def encode_upload(uploaded: Uploaded, path: str) -> pb.UploadFileResponse:
    return pb.UploadFileResponse(
        status="success",
        created=True,
        path=uploaded.stored.path,
        original_filename=path.rstrip("/").rpartition("/")[2],
        final_filename=uploaded.stored.path.rpartition("/")[2],
        renamed=uploaded.stored.renamed,
        sandbox_id=uploaded.sandbox.sandbox_id,
        sandbox_created=uploaded.made,
    )


def decode_minutes(request: pb.CreateSshTokenRequest) -> int:
    """For how long; the default where nothing was said."""
    return request.expires_in_minutes if request.HasField("expires_in_minutes") else DEFAULT_MINUTES


def encode_ssh_access(access: SshAccess, minutes: int) -> pb.CreateSshTokenResponse:
    return pb.CreateSshTokenResponse(token=access.token, ssh_command=access.command, expires_in_minutes=minutes)


def encode_executed(executed: Executed) -> pb.ExecuteCommandResponse:
    return pb.ExecuteCommandResponse(
        output=executed.output,
        exit_code=executed.exit_code,
        success=executed.exit_code == 0,
        unsafe=executed.unsafe,
    )


def encode_output(chunk: OutputChunk) -> pb.RunProcessResponse:
    output = pb.ProcessOutput(stream=chunk.stream, data=chunk.data, truncated=chunk.truncated)
    return pb.RunProcessResponse(output=output)


def encode_process(process: Process) -> pb.ProcessState:
    outcome = process.outcome
    return pb.ProcessState(
        state=outcome.state,
        exit_code=outcome.exit_code,
        message=outcome.message,
        started_at=_timestamp(process.started_at),
        ended_at=_timestamp(process.ended_at) if process.ended_at else None,
        unsafe=process.unsafe,
    )


def _timestamp(moment: datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp
