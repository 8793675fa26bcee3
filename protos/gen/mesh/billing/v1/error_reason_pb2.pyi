from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from typing import ClassVar as _ClassVar

DESCRIPTOR: _descriptor.FileDescriptor

class ErrorReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ERROR_REASON_UNSPECIFIED: _ClassVar[ErrorReason]
    ERROR_REASON_INSUFFICIENT_CREDITS: _ClassVar[ErrorReason]
    ERROR_REASON_AGENT_RUN_LIMIT_EXCEEDED: _ClassVar[ErrorReason]
    ERROR_REASON_MODEL_ACCESS_DENIED: _ClassVar[ErrorReason]
    ERROR_REASON_UNKNOWN_MODEL_PRICE: _ClassVar[ErrorReason]
    ERROR_REASON_IDEMPOTENCY_CONFLICT: _ClassVar[ErrorReason]
    ERROR_REASON_NO_OPEN_HOLD: _ClassVar[ErrorReason]
ERROR_REASON_UNSPECIFIED: ErrorReason
ERROR_REASON_INSUFFICIENT_CREDITS: ErrorReason
ERROR_REASON_AGENT_RUN_LIMIT_EXCEEDED: ErrorReason
ERROR_REASON_MODEL_ACCESS_DENIED: ErrorReason
ERROR_REASON_UNKNOWN_MODEL_PRICE: ErrorReason
ERROR_REASON_IDEMPOTENCY_CONFLICT: ErrorReason
ERROR_REASON_NO_OPEN_HOLD: ErrorReason
