import datetime

from buf.validate import validate_pb2 as _validate_pb2
from google.api import annotations_pb2 as _annotations_pb2
from google.api import httpbody_pb2 as _httpbody_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from mesh.rest.v1 import rest_pb2 as _rest_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetProjectSandboxRequest(_message.Message):
    __slots__ = ("project_id",)
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    project_id: str
    def __init__(self, project_id: _Optional[str] = ...) -> None: ...

class GetProjectSandboxResponse(_message.Message):
    __slots__ = ("status", "sandbox")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    SANDBOX_FIELD_NUMBER: _ClassVar[int]
    status: str
    sandbox: Sandbox
    def __init__(self, status: _Optional[str] = ..., sandbox: _Optional[_Union[Sandbox, _Mapping]] = ...) -> None: ...

class Sandbox(_message.Message):
    __slots__ = ("id", "project_id", "status", "provider", "vnc_preview", "sandbox_url", "token", "created_at", "unsafe")
    ID_FIELD_NUMBER: _ClassVar[int]
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    PASS_FIELD_NUMBER: _ClassVar[int]
    VNC_PREVIEW_FIELD_NUMBER: _ClassVar[int]
    SANDBOX_URL_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    UNSAFE_FIELD_NUMBER: _ClassVar[int]
    id: str
    project_id: str
    status: str
    provider: str
    vnc_preview: str
    sandbox_url: str
    token: str
    created_at: _timestamp_pb2.Timestamp
    unsafe: bool
    def __init__(self, id: _Optional[str] = ..., project_id: _Optional[str] = ..., status: _Optional[str] = ..., provider: _Optional[str] = ..., vnc_preview: _Optional[str] = ..., sandbox_url: _Optional[str] = ..., token: _Optional[str] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., unsafe: _Optional[bool] = ..., **kwargs) -> None: ...

class GetSandboxStatusRequest(_message.Message):
    __slots__ = ("project_id",)
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    project_id: str
    def __init__(self, project_id: _Optional[str] = ...) -> None: ...

class GetSandboxStatusResponse(_message.Message):
    __slots__ = ("status", "sandbox_id", "project_id", "daytona_state", "services_health", "last_checked", "error", "vnc_preview", "sandbox_url", "cpu", "memory", "disk", "target", "unsafe")
    class ServicesHealthEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    STATUS_FIELD_NUMBER: _ClassVar[int]
    SANDBOX_ID_FIELD_NUMBER: _ClassVar[int]
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    DAYTONA_STATE_FIELD_NUMBER: _ClassVar[int]
    SERVICES_HEALTH_FIELD_NUMBER: _ClassVar[int]
    LAST_CHECKED_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    VNC_PREVIEW_FIELD_NUMBER: _ClassVar[int]
    SANDBOX_URL_FIELD_NUMBER: _ClassVar[int]
    CPU_FIELD_NUMBER: _ClassVar[int]
    MEMORY_FIELD_NUMBER: _ClassVar[int]
    DISK_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    UNSAFE_FIELD_NUMBER: _ClassVar[int]
    status: str
    sandbox_id: str
    project_id: str
    daytona_state: str
    services_health: _containers.ScalarMap[str, str]
    last_checked: _timestamp_pb2.Timestamp
    error: str
    vnc_preview: str
    sandbox_url: str
    cpu: float
    memory: float
    disk: float
    target: str
    unsafe: bool
    def __init__(self, status: _Optional[str] = ..., sandbox_id: _Optional[str] = ..., project_id: _Optional[str] = ..., daytona_state: _Optional[str] = ..., services_health: _Optional[_Mapping[str, str]] = ..., last_checked: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., error: _Optional[str] = ..., vnc_preview: _Optional[str] = ..., sandbox_url: _Optional[str] = ..., cpu: _Optional[float] = ..., memory: _Optional[float] = ..., disk: _Optional[float] = ..., target: _Optional[str] = ..., unsafe: _Optional[bool] = ...) -> None: ...

class StartSandboxRequest(_message.Message):
    __slots__ = ("project_id",)
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    project_id: str
    def __init__(self, project_id: _Optional[str] = ...) -> None: ...

class StartSandboxResponse(_message.Message):
    __slots__ = ("status", "sandbox_id", "message")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    SANDBOX_ID_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    status: str
    sandbox_id: str
    message: str
    def __init__(self, status: _Optional[str] = ..., sandbox_id: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class StopSandboxRequest(_message.Message):
    __slots__ = ("project_id",)
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    project_id: str
    def __init__(self, project_id: _Optional[str] = ...) -> None: ...

class StopSandboxResponse(_message.Message):
    __slots__ = ("status", "sandbox_id", "message")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    SANDBOX_ID_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    status: str
    sandbox_id: str
    message: str
    def __init__(self, status: _Optional[str] = ..., sandbox_id: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class AnnounceUploadsRequest(_message.Message):
    __slots__ = ("project_id", "file_count")
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    FILE_COUNT_FIELD_NUMBER: _ClassVar[int]
    project_id: str
    file_count: int
    def __init__(self, project_id: _Optional[str] = ..., file_count: _Optional[int] = ...) -> None: ...

class AnnounceUploadsResponse(_message.Message):
    __slots__ = ("status", "pending_files")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    PENDING_FILES_FIELD_NUMBER: _ClassVar[int]
    status: str
    pending_files: int
    def __init__(self, status: _Optional[str] = ..., pending_files: _Optional[int] = ...) -> None: ...

class CompleteUploadsRequest(_message.Message):
    __slots__ = ("project_id",)
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    project_id: str
    def __init__(self, project_id: _Optional[str] = ...) -> None: ...

class CompleteUploadsResponse(_message.Message):
    __slots__ = ("status",)
    STATUS_FIELD_NUMBER: _ClassVar[int]
    status: str
    def __init__(self, status: _Optional[str] = ...) -> None: ...

class CreateSshTokenRequest(_message.Message):
    __slots__ = ("sandbox_id", "expires_in_minutes")
    SANDBOX_ID_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_IN_MINUTES_FIELD_NUMBER: _ClassVar[int]
    sandbox_id: str
    expires_in_minutes: int
    def __init__(self, sandbox_id: _Optional[str] = ..., expires_in_minutes: _Optional[int] = ...) -> None: ...

class CreateSshTokenResponse(_message.Message):
    __slots__ = ("token", "ssh_command", "expires_in_minutes")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    SSH_COMMAND_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_IN_MINUTES_FIELD_NUMBER: _ClassVar[int]
    token: str
    ssh_command: str
    expires_in_minutes: int
    def __init__(self, token: _Optional[str] = ..., ssh_command: _Optional[str] = ..., expires_in_minutes: _Optional[int] = ...) -> None: ...

class FileInfo(_message.Message):
    __slots__ = ("name", "path", "is_dir", "size", "mod_time", "permissions")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    IS_DIR_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    MOD_TIME_FIELD_NUMBER: _ClassVar[int]
    PERMISSIONS_FIELD_NUMBER: _ClassVar[int]
    name: str
    path: str
    is_dir: bool
    size: float
    mod_time: str
    permissions: str
    def __init__(self, name: _Optional[str] = ..., path: _Optional[str] = ..., is_dir: _Optional[bool] = ..., size: _Optional[float] = ..., mod_time: _Optional[str] = ..., permissions: _Optional[str] = ...) -> None: ...

class ListFilesRequest(_message.Message):
    __slots__ = ("sandbox_id", "project_id", "path")
    SANDBOX_ID_FIELD_NUMBER: _ClassVar[int]
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    sandbox_id: str
    project_id: str
    path: str
    def __init__(self, sandbox_id: _Optional[str] = ..., project_id: _Optional[str] = ..., path: _Optional[str] = ...) -> None: ...

class ListFilesResponse(_message.Message):
    __slots__ = ("files", "truncated")
    FILES_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    files: _containers.RepeatedCompositeFieldContainer[FileInfo]
    truncated: bool
    def __init__(self, files: _Optional[_Iterable[_Union[FileInfo, _Mapping]]] = ..., truncated: _Optional[bool] = ...) -> None: ...

class ReadFileRequest(_message.Message):
    __slots__ = ("sandbox_id", "project_id", "path")
    SANDBOX_ID_FIELD_NUMBER: _ClassVar[int]
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    sandbox_id: str
    project_id: str
    path: str
    def __init__(self, sandbox_id: _Optional[str] = ..., project_id: _Optional[str] = ..., path: _Optional[str] = ...) -> None: ...

class WriteFileRequest(_message.Message):
    __slots__ = ("sandbox_id", "path", "content")
    SANDBOX_ID_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    sandbox_id: str
    path: str
    content: str
    def __init__(self, sandbox_id: _Optional[str] = ..., path: _Optional[str] = ..., content: _Optional[str] = ...) -> None: ...

class WriteFileResponse(_message.Message):
    __slots__ = ("status", "updated", "path")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    UPDATED_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    status: str
    updated: bool
    path: str
    def __init__(self, status: _Optional[str] = ..., updated: _Optional[bool] = ..., path: _Optional[str] = ...) -> None: ...

class DeleteFileRequest(_message.Message):
    __slots__ = ("sandbox_id", "path")
    SANDBOX_ID_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    sandbox_id: str
    path: str
    def __init__(self, sandbox_id: _Optional[str] = ..., path: _Optional[str] = ...) -> None: ...

class DeleteFileResponse(_message.Message):
    __slots__ = ("status", "deleted", "path")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    DELETED_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    status: str
    deleted: bool
    path: str
    def __init__(self, status: _Optional[str] = ..., deleted: _Optional[bool] = ..., path: _Optional[str] = ...) -> None: ...

class UploadFileRequest(_message.Message):
    __slots__ = ("target", "data")
    TARGET_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    target: UploadTarget
    data: bytes
    def __init__(self, target: _Optional[_Union[UploadTarget, _Mapping]] = ..., data: _Optional[bytes] = ...) -> None: ...

class UploadTarget(_message.Message):
    __slots__ = ("sandbox_id", "project_id", "path", "replace")
    SANDBOX_ID_FIELD_NUMBER: _ClassVar[int]
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    REPLACE_FIELD_NUMBER: _ClassVar[int]
    sandbox_id: str
    project_id: str
    path: str
    replace: bool
    def __init__(self, sandbox_id: _Optional[str] = ..., project_id: _Optional[str] = ..., path: _Optional[str] = ..., replace: _Optional[bool] = ...) -> None: ...

class UploadFileResponse(_message.Message):
    __slots__ = ("status", "created", "path", "original_filename", "final_filename", "renamed", "sandbox_id", "sandbox_created")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    ORIGINAL_FILENAME_FIELD_NUMBER: _ClassVar[int]
    FINAL_FILENAME_FIELD_NUMBER: _ClassVar[int]
    RENAMED_FIELD_NUMBER: _ClassVar[int]
    SANDBOX_ID_FIELD_NUMBER: _ClassVar[int]
    SANDBOX_CREATED_FIELD_NUMBER: _ClassVar[int]
    status: str
    created: bool
    path: str
    original_filename: str
    final_filename: str
    renamed: bool
    sandbox_id: str
    sandbox_created: bool
    def __init__(self, status: _Optional[str] = ..., created: _Optional[bool] = ..., path: _Optional[str] = ..., original_filename: _Optional[str] = ..., final_filename: _Optional[str] = ..., renamed: _Optional[bool] = ..., sandbox_id: _Optional[str] = ..., sandbox_created: _Optional[bool] = ...) -> None: ...

class ExecuteCommandRequest(_message.Message):
    __slots__ = ("sandbox_id", "project_id", "command", "cwd")
    SANDBOX_ID_FIELD_NUMBER: _ClassVar[int]
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    COMMAND_FIELD_NUMBER: _ClassVar[int]
    CWD_FIELD_NUMBER: _ClassVar[int]
    sandbox_id: str
    project_id: str
    command: str
    cwd: str
    def __init__(self, sandbox_id: _Optional[str] = ..., project_id: _Optional[str] = ..., command: _Optional[str] = ..., cwd: _Optional[str] = ...) -> None: ...

class ExecuteCommandResponse(_message.Message):
    __slots__ = ("output", "exit_code", "success", "unsafe")
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    EXIT_CODE_FIELD_NUMBER: _ClassVar[int]
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    UNSAFE_FIELD_NUMBER: _ClassVar[int]
    output: str
    exit_code: int
    success: bool
    unsafe: bool
    def __init__(self, output: _Optional[str] = ..., exit_code: _Optional[int] = ..., success: _Optional[bool] = ..., unsafe: _Optional[bool] = ...) -> None: ...

class EnsureSandboxRequest(_message.Message):
    __slots__ = ("project_id", "account_id")
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    project_id: str
    account_id: str
    def __init__(self, project_id: _Optional[str] = ..., account_id: _Optional[str] = ...) -> None: ...

class EnsureSandboxResponse(_message.Message):
    __slots__ = ("sandbox_id", "created", "status")
    SANDBOX_ID_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    sandbox_id: str
    created: bool
    status: str
    def __init__(self, sandbox_id: _Optional[str] = ..., created: _Optional[bool] = ..., status: _Optional[str] = ...) -> None: ...

class DeleteProjectSandboxRequest(_message.Message):
    __slots__ = ("project_id",)
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    project_id: str
    def __init__(self, project_id: _Optional[str] = ...) -> None: ...

class DeleteProjectSandboxResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class RunProcessRequest(_message.Message):
    __slots__ = ("key", "project_id", "account_id", "command", "cwd", "timeout", "attach_only")
    KEY_FIELD_NUMBER: _ClassVar[int]
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    COMMAND_FIELD_NUMBER: _ClassVar[int]
    CWD_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    ATTACH_ONLY_FIELD_NUMBER: _ClassVar[int]
    key: str
    project_id: str
    account_id: str
    command: str
    cwd: str
    timeout: _duration_pb2.Duration
    attach_only: bool
    def __init__(self, key: _Optional[str] = ..., project_id: _Optional[str] = ..., account_id: _Optional[str] = ..., command: _Optional[str] = ..., cwd: _Optional[str] = ..., timeout: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., attach_only: _Optional[bool] = ...) -> None: ...

class RunProcessResponse(_message.Message):
    __slots__ = ("output", "end")
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    output: ProcessOutput
    end: ProcessState
    def __init__(self, output: _Optional[_Union[ProcessOutput, _Mapping]] = ..., end: _Optional[_Union[ProcessState, _Mapping]] = ...) -> None: ...

class ProcessOutput(_message.Message):
    __slots__ = ("stream", "data", "truncated")
    STREAM_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    stream: str
    data: bytes
    truncated: bool
    def __init__(self, stream: _Optional[str] = ..., data: _Optional[bytes] = ..., truncated: _Optional[bool] = ...) -> None: ...

class ProcessState(_message.Message):
    __slots__ = ("state", "exit_code", "message", "started_at", "ended_at", "unsafe")
    STATE_FIELD_NUMBER: _ClassVar[int]
    EXIT_CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    ENDED_AT_FIELD_NUMBER: _ClassVar[int]
    UNSAFE_FIELD_NUMBER: _ClassVar[int]
    state: str
    exit_code: int
    message: str
    started_at: _timestamp_pb2.Timestamp
    ended_at: _timestamp_pb2.Timestamp
    unsafe: bool
    def __init__(self, state: _Optional[str] = ..., exit_code: _Optional[int] = ..., message: _Optional[str] = ..., started_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., ended_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., unsafe: _Optional[bool] = ...) -> None: ...

class GetProcessRequest(_message.Message):
    __slots__ = ("key",)
    KEY_FIELD_NUMBER: _ClassVar[int]
    key: str
    def __init__(self, key: _Optional[str] = ...) -> None: ...

class GetProcessResponse(_message.Message):
    __slots__ = ("process",)
    PROCESS_FIELD_NUMBER: _ClassVar[int]
    process: ProcessState
    def __init__(self, process: _Optional[_Union[ProcessState, _Mapping]] = ...) -> None: ...

class KillProcessRequest(_message.Message):
    __slots__ = ("key",)
    KEY_FIELD_NUMBER: _ClassVar[int]
    key: str
    def __init__(self, key: _Optional[str] = ...) -> None: ...

class KillProcessResponse(_message.Message):
    __slots__ = ("process",)
    PROCESS_FIELD_NUMBER: _ClassVar[int]
    process: ProcessState
    def __init__(self, process: _Optional[_Union[ProcessState, _Mapping]] = ...) -> None: ...

class ReadProjectFileRequest(_message.Message):
    __slots__ = ("project_id", "account_id", "path", "max_bytes")
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    MAX_BYTES_FIELD_NUMBER: _ClassVar[int]
    project_id: str
    account_id: str
    path: str
    max_bytes: int
    def __init__(self, project_id: _Optional[str] = ..., account_id: _Optional[str] = ..., path: _Optional[str] = ..., max_bytes: _Optional[int] = ...) -> None: ...

class ReadProjectFileResponse(_message.Message):
    __slots__ = ("data", "size")
    DATA_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    size: int
    def __init__(self, data: _Optional[bytes] = ..., size: _Optional[int] = ...) -> None: ...

class ChangeProjectFileRequest(_message.Message):
    __slots__ = ("project_id", "account_id", "path", "write", "delete")
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    WRITE_FIELD_NUMBER: _ClassVar[int]
    DELETE_FIELD_NUMBER: _ClassVar[int]
    project_id: str
    account_id: str
    path: str
    write: FileWrite
    delete: FileDelete
    def __init__(self, project_id: _Optional[str] = ..., account_id: _Optional[str] = ..., path: _Optional[str] = ..., write: _Optional[_Union[FileWrite, _Mapping]] = ..., delete: _Optional[_Union[FileDelete, _Mapping]] = ...) -> None: ...

class FileWrite(_message.Message):
    __slots__ = ("content", "permissions", "must_not_exist", "must_exist")
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    PERMISSIONS_FIELD_NUMBER: _ClassVar[int]
    MUST_NOT_EXIST_FIELD_NUMBER: _ClassVar[int]
    MUST_EXIST_FIELD_NUMBER: _ClassVar[int]
    content: bytes
    permissions: str
    must_not_exist: bool
    must_exist: bool
    def __init__(self, content: _Optional[bytes] = ..., permissions: _Optional[str] = ..., must_not_exist: _Optional[bool] = ..., must_exist: _Optional[bool] = ...) -> None: ...

class FileDelete(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ChangeProjectFileResponse(_message.Message):
    __slots__ = ("path",)
    PATH_FIELD_NUMBER: _ClassVar[int]
    path: str
    def __init__(self, path: _Optional[str] = ...) -> None: ...

class ListProjectFilesRequest(_message.Message):
    __slots__ = ("project_id", "account_id", "path")
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    project_id: str
    account_id: str
    path: str
    def __init__(self, project_id: _Optional[str] = ..., account_id: _Optional[str] = ..., path: _Optional[str] = ...) -> None: ...

class ListProjectFilesResponse(_message.Message):
    __slots__ = ("files", "truncated")
    FILES_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    files: _containers.RepeatedCompositeFieldContainer[FileInfo]
    truncated: bool
    def __init__(self, files: _Optional[_Iterable[_Union[FileInfo, _Mapping]]] = ..., truncated: _Optional[bool] = ...) -> None: ...

class CountPendingUploadsRequest(_message.Message):
    __slots__ = ("project_id",)
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    project_id: str
    def __init__(self, project_id: _Optional[str] = ...) -> None: ...

class CountPendingUploadsResponse(_message.Message):
    __slots__ = ("pending_files",)
    PENDING_FILES_FIELD_NUMBER: _ClassVar[int]
    pending_files: int
    def __init__(self, pending_files: _Optional[int] = ...) -> None: ...
