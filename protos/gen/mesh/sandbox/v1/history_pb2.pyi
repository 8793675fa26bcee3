from buf.validate import validate_pb2 as _validate_pb2
from google.api import annotations_pb2 as _annotations_pb2
from google.api import httpbody_pb2 as _httpbody_pb2
from mesh.rest.v1 import rest_pb2 as _rest_pb2
from mesh.sandbox.v1 import sandbox_pb2 as _sandbox_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ListTreeRequest(_message.Message):
    __slots__ = ("sandbox_id", "path", "commit")
    SANDBOX_ID_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    COMMIT_FIELD_NUMBER: _ClassVar[int]
    sandbox_id: str
    path: str
    commit: str
    def __init__(self, sandbox_id: _Optional[str] = ..., path: _Optional[str] = ..., commit: _Optional[str] = ...) -> None: ...

class ListTreeResponse(_message.Message):
    __slots__ = ("files",)
    FILES_FIELD_NUMBER: _ClassVar[int]
    files: _containers.RepeatedCompositeFieldContainer[_sandbox_pb2.FileInfo]
    def __init__(self, files: _Optional[_Iterable[_Union[_sandbox_pb2.FileInfo, _Mapping]]] = ...) -> None: ...

class ListVersionsRequest(_message.Message):
    __slots__ = ("sandbox_id", "path", "limit")
    SANDBOX_ID_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    sandbox_id: str
    path: str
    limit: int
    def __init__(self, sandbox_id: _Optional[str] = ..., path: _Optional[str] = ..., limit: _Optional[int] = ...) -> None: ...

class ListVersionsResponse(_message.Message):
    __slots__ = ("path", "versions")
    PATH_FIELD_NUMBER: _ClassVar[int]
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    path: str
    versions: _containers.RepeatedCompositeFieldContainer[FileVersion]
    def __init__(self, path: _Optional[str] = ..., versions: _Optional[_Iterable[_Union[FileVersion, _Mapping]]] = ...) -> None: ...

class FileVersion(_message.Message):
    __slots__ = ("commit", "author_name", "author_email", "date", "message")
    COMMIT_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_NAME_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_EMAIL_FIELD_NUMBER: _ClassVar[int]
    DATE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    commit: str
    author_name: str
    author_email: str
    date: str
    message: str
    def __init__(self, commit: _Optional[str] = ..., author_name: _Optional[str] = ..., author_email: _Optional[str] = ..., date: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class GetCommitRequest(_message.Message):
    __slots__ = ("sandbox_id", "path", "commit")
    SANDBOX_ID_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    COMMIT_FIELD_NUMBER: _ClassVar[int]
    sandbox_id: str
    path: str
    commit: str
    def __init__(self, sandbox_id: _Optional[str] = ..., path: _Optional[str] = ..., commit: _Optional[str] = ...) -> None: ...

class GetCommitResponse(_message.Message):
    __slots__ = ("commit", "author_name", "author_email", "date", "message", "files_in_commit", "revert_files", "revert_affects_files", "path_in_commit", "path_affected_on_revert")
    COMMIT_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_NAME_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_EMAIL_FIELD_NUMBER: _ClassVar[int]
    DATE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    FILES_IN_COMMIT_FIELD_NUMBER: _ClassVar[int]
    REVERT_FILES_FIELD_NUMBER: _ClassVar[int]
    REVERT_AFFECTS_FILES_FIELD_NUMBER: _ClassVar[int]
    PATH_IN_COMMIT_FIELD_NUMBER: _ClassVar[int]
    PATH_AFFECTED_ON_REVERT_FIELD_NUMBER: _ClassVar[int]
    commit: str
    author_name: str
    author_email: str
    date: str
    message: str
    files_in_commit: _containers.RepeatedCompositeFieldContainer[FileChange]
    revert_files: _containers.RepeatedCompositeFieldContainer[FileChange]
    revert_affects_files: int
    path_in_commit: bool
    path_affected_on_revert: bool
    def __init__(self, commit: _Optional[str] = ..., author_name: _Optional[str] = ..., author_email: _Optional[str] = ..., date: _Optional[str] = ..., message: _Optional[str] = ..., files_in_commit: _Optional[_Iterable[_Union[FileChange, _Mapping]]] = ..., revert_files: _Optional[_Iterable[_Union[FileChange, _Mapping]]] = ..., revert_affects_files: _Optional[int] = ..., path_in_commit: _Optional[bool] = ..., path_affected_on_revert: _Optional[bool] = ...) -> None: ...

class FileChange(_message.Message):
    __slots__ = ("path", "status", "revert_effect")
    PATH_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    REVERT_EFFECT_FIELD_NUMBER: _ClassVar[int]
    path: str
    status: str
    revert_effect: str
    def __init__(self, path: _Optional[str] = ..., status: _Optional[str] = ..., revert_effect: _Optional[str] = ...) -> None: ...

class ReadVersionRequest(_message.Message):
    __slots__ = ("sandbox_id", "path", "commit")
    SANDBOX_ID_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    COMMIT_FIELD_NUMBER: _ClassVar[int]
    sandbox_id: str
    path: str
    commit: str
    def __init__(self, sandbox_id: _Optional[str] = ..., path: _Optional[str] = ..., commit: _Optional[str] = ...) -> None: ...

class RevertFilesRequest(_message.Message):
    __slots__ = ("sandbox_id", "commit", "paths")
    SANDBOX_ID_FIELD_NUMBER: _ClassVar[int]
    COMMIT_FIELD_NUMBER: _ClassVar[int]
    PATHS_FIELD_NUMBER: _ClassVar[int]
    sandbox_id: str
    commit: str
    paths: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, sandbox_id: _Optional[str] = ..., commit: _Optional[str] = ..., paths: _Optional[_Iterable[str]] = ...) -> None: ...

class RevertFilesResponse(_message.Message):
    __slots__ = ("status", "mode", "target_commit", "reverted_files", "affected_paths")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    TARGET_COMMIT_FIELD_NUMBER: _ClassVar[int]
    REVERTED_FILES_FIELD_NUMBER: _ClassVar[int]
    AFFECTED_PATHS_FIELD_NUMBER: _ClassVar[int]
    status: str
    mode: str
    target_commit: str
    reverted_files: _containers.RepeatedScalarFieldContainer[str]
    affected_paths: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, status: _Optional[str] = ..., mode: _Optional[str] = ..., target_commit: _Optional[str] = ..., reverted_files: _Optional[_Iterable[str]] = ..., affected_paths: _Optional[_Iterable[str]] = ...) -> None: ...
