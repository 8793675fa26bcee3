from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from typing import ClassVar as _ClassVar

DESCRIPTOR: _descriptor.FileDescriptor

class ErrorReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ERROR_REASON_UNSPECIFIED: _ClassVar[ErrorReason]
    ERROR_REASON_RUN_NOT_FOUND: _ClassVar[ErrorReason]
    ERROR_REASON_AGENT_NOT_FOUND: _ClassVar[ErrorReason]
    ERROR_REASON_IDEMPOTENCY_CONFLICT: _ClassVar[ErrorReason]
    ERROR_REASON_THREAD_QUEUE_FULL: _ClassVar[ErrorReason]
    ERROR_REASON_UNKNOWN_MODEL: _ClassVar[ErrorReason]
    ERROR_REASON_MODEL_NOT_CONFIGURED: _ClassVar[ErrorReason]
    ERROR_REASON_INVALID_CURSOR: _ClassVar[ErrorReason]
    ERROR_REASON_READ_ONLY_PROJECT: _ClassVar[ErrorReason]
    ERROR_REASON_THREAD_BUSY: _ClassVar[ErrorReason]
    ERROR_REASON_AGENT_LIMIT_EXCEEDED: _ClassVar[ErrorReason]
    ERROR_REASON_DEFAULT_AGENT: _ClassVar[ErrorReason]
    ERROR_REASON_NO_DEFAULT_AGENT: _ClassVar[ErrorReason]
    ERROR_REASON_QUEUE_FULL: _ClassVar[ErrorReason]
    ERROR_REASON_DEAD_LETTER_NOT_FOUND: _ClassVar[ErrorReason]
    ERROR_REASON_NOT_REPLAYABLE: _ClassVar[ErrorReason]
    ERROR_REASON_PIPELINE_UNHEALTHY: _ClassVar[ErrorReason]
ERROR_REASON_UNSPECIFIED: ErrorReason
ERROR_REASON_RUN_NOT_FOUND: ErrorReason
ERROR_REASON_AGENT_NOT_FOUND: ErrorReason
ERROR_REASON_IDEMPOTENCY_CONFLICT: ErrorReason
ERROR_REASON_THREAD_QUEUE_FULL: ErrorReason
ERROR_REASON_UNKNOWN_MODEL: ErrorReason
ERROR_REASON_MODEL_NOT_CONFIGURED: ErrorReason
ERROR_REASON_INVALID_CURSOR: ErrorReason
ERROR_REASON_READ_ONLY_PROJECT: ErrorReason
ERROR_REASON_THREAD_BUSY: ErrorReason
ERROR_REASON_AGENT_LIMIT_EXCEEDED: ErrorReason
ERROR_REASON_DEFAULT_AGENT: ErrorReason
ERROR_REASON_NO_DEFAULT_AGENT: ErrorReason
ERROR_REASON_QUEUE_FULL: ErrorReason
ERROR_REASON_DEAD_LETTER_NOT_FOUND: ErrorReason
ERROR_REASON_NOT_REPLAYABLE: ErrorReason
ERROR_REASON_PIPELINE_UNHEALTHY: ErrorReason
