from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from typing import ClassVar as _ClassVar

DESCRIPTOR: _descriptor.FileDescriptor

class ErrorReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ERROR_REASON_UNSPECIFIED: _ClassVar[ErrorReason]
    ERROR_REASON_SANDBOX_NOT_FOUND: _ClassVar[ErrorReason]
    ERROR_REASON_PROJECT_NOT_FOUND: _ClassVar[ErrorReason]
    ERROR_REASON_FILE_NOT_FOUND: _ClassVar[ErrorReason]
    ERROR_REASON_INVALID_PATH: _ClassVar[ErrorReason]
    ERROR_REASON_WRONG_FILE_TYPE: _ClassVar[ErrorReason]
    ERROR_REASON_FILE_TOO_LARGE: _ClassVar[ErrorReason]
    ERROR_REASON_QUOTA_EXCEEDED: _ClassVar[ErrorReason]
    ERROR_REASON_READ_ONLY_PROJECT: _ClassVar[ErrorReason]
    ERROR_REASON_ISOLATION_UNAVAILABLE: _ClassVar[ErrorReason]
    ERROR_REASON_PROCESS_NOT_FOUND: _ClassVar[ErrorReason]
    ERROR_REASON_PROCESS_CONFLICT: _ClassVar[ErrorReason]
    ERROR_REASON_TOO_MANY_PROCESSES: _ClassVar[ErrorReason]
    ERROR_REASON_SSH_NOT_SUPPORTED: _ClassVar[ErrorReason]
    ERROR_REASON_COMMIT_NOT_FOUND: _ClassVar[ErrorReason]
    ERROR_REASON_REVERT_CONFLICT: _ClassVar[ErrorReason]
ERROR_REASON_UNSPECIFIED: ErrorReason
ERROR_REASON_SANDBOX_NOT_FOUND: ErrorReason
ERROR_REASON_PROJECT_NOT_FOUND: ErrorReason
ERROR_REASON_FILE_NOT_FOUND: ErrorReason
ERROR_REASON_INVALID_PATH: ErrorReason
ERROR_REASON_WRONG_FILE_TYPE: ErrorReason
ERROR_REASON_FILE_TOO_LARGE: ErrorReason
ERROR_REASON_QUOTA_EXCEEDED: ErrorReason
ERROR_REASON_READ_ONLY_PROJECT: ErrorReason
ERROR_REASON_ISOLATION_UNAVAILABLE: ErrorReason
ERROR_REASON_PROCESS_NOT_FOUND: ErrorReason
ERROR_REASON_PROCESS_CONFLICT: ErrorReason
ERROR_REASON_TOO_MANY_PROCESSES: ErrorReason
ERROR_REASON_SSH_NOT_SUPPORTED: ErrorReason
ERROR_REASON_COMMIT_NOT_FOUND: ErrorReason
ERROR_REASON_REVERT_CONFLICT: ErrorReason
