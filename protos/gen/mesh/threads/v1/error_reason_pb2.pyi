from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from typing import ClassVar as _ClassVar

DESCRIPTOR: _descriptor.FileDescriptor

class ErrorReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ERROR_REASON_UNSPECIFIED: _ClassVar[ErrorReason]
    ERROR_REASON_THREAD_NOT_FOUND: _ClassVar[ErrorReason]
    ERROR_REASON_PROJECT_NOT_FOUND: _ClassVar[ErrorReason]
    ERROR_REASON_READ_ONLY_PROJECT: _ClassVar[ErrorReason]
    ERROR_REASON_THREAD_LIMIT_EXCEEDED: _ClassVar[ErrorReason]
    ERROR_REASON_PROJECT_LIMIT_EXCEEDED: _ClassVar[ErrorReason]
    ERROR_REASON_MESSAGE_CONFLICT: _ClassVar[ErrorReason]
ERROR_REASON_UNSPECIFIED: ErrorReason
ERROR_REASON_THREAD_NOT_FOUND: ErrorReason
ERROR_REASON_PROJECT_NOT_FOUND: ErrorReason
ERROR_REASON_READ_ONLY_PROJECT: ErrorReason
ERROR_REASON_THREAD_LIMIT_EXCEEDED: ErrorReason
ERROR_REASON_PROJECT_LIMIT_EXCEEDED: ErrorReason
ERROR_REASON_MESSAGE_CONFLICT: ErrorReason
