from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from typing import ClassVar as _ClassVar

DESCRIPTOR: _descriptor.FileDescriptor

class ErrorReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ERROR_REASON_UNSPECIFIED: _ClassVar[ErrorReason]
    ERROR_REASON_STALE_EPOCH: _ClassVar[ErrorReason]
    ERROR_REASON_EXECUTION_CONFLICT: _ClassVar[ErrorReason]
    ERROR_REASON_EXECUTION_NOT_FOUND: _ClassVar[ErrorReason]
    ERROR_REASON_NOT_THIS_RUN: _ClassVar[ErrorReason]
    ERROR_REASON_EXECUTION_MOVED: _ClassVar[ErrorReason]
ERROR_REASON_UNSPECIFIED: ErrorReason
ERROR_REASON_STALE_EPOCH: ErrorReason
ERROR_REASON_EXECUTION_CONFLICT: ErrorReason
ERROR_REASON_EXECUTION_NOT_FOUND: ErrorReason
ERROR_REASON_NOT_THIS_RUN: ErrorReason
ERROR_REASON_EXECUTION_MOVED: ErrorReason
