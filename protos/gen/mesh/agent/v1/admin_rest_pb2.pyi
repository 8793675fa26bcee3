import datetime

from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from mesh.rest.v1 import rest_pb2 as _rest_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RestStuckRun(_message.Message):
    __slots__ = ("run_id", "thread_id", "owner", "status", "heartbeat", "heartbeat_age", "start", "duration", "reason")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    THREAD_ID_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_AGE_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    DURATION_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    thread_id: str
    owner: str
    status: str
    heartbeat: _timestamp_pb2.Timestamp
    heartbeat_age: float
    start: _timestamp_pb2.Timestamp
    duration: float
    reason: str
    def __init__(self, run_id: _Optional[str] = ..., thread_id: _Optional[str] = ..., owner: _Optional[str] = ..., status: _Optional[str] = ..., heartbeat: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., heartbeat_age: _Optional[float] = ..., start: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., duration: _Optional[float] = ..., reason: _Optional[str] = ...) -> None: ...

class RestDeadLetter(_message.Message):
    __slots__ = ("entry_id", "run_id", "write_type", "error", "attempt_count", "created_at", "failed_at")
    ENTRY_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    WRITE_TYPE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_COUNT_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    FAILED_AT_FIELD_NUMBER: _ClassVar[int]
    entry_id: str
    run_id: str
    write_type: str
    error: str
    attempt_count: int
    created_at: _timestamp_pb2.Timestamp
    failed_at: _timestamp_pb2.Timestamp
    def __init__(self, entry_id: _Optional[str] = ..., run_id: _Optional[str] = ..., write_type: _Optional[str] = ..., error: _Optional[str] = ..., attempt_count: _Optional[int] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., failed_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class RestCircuitBreaker(_message.Message):
    __slots__ = ("name", "state", "stats", "opened_at", "retry_after")
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    STATS_FIELD_NUMBER: _ClassVar[int]
    OPENED_AT_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_FIELD_NUMBER: _ClassVar[int]
    name: str
    state: str
    stats: RestCircuitStats
    opened_at: _timestamp_pb2.Timestamp
    retry_after: float
    def __init__(self, name: _Optional[str] = ..., state: _Optional[str] = ..., stats: _Optional[_Union[RestCircuitStats, _Mapping]] = ..., opened_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., retry_after: _Optional[float] = ...) -> None: ...

class RestCircuitStats(_message.Message):
    __slots__ = ("total_calls", "successful_calls", "failed_calls", "rejected_calls", "consecutive_failures", "consecutive_successes")
    TOTAL_CALLS_FIELD_NUMBER: _ClassVar[int]
    SUCCESSFUL_CALLS_FIELD_NUMBER: _ClassVar[int]
    FAILED_CALLS_FIELD_NUMBER: _ClassVar[int]
    REJECTED_CALLS_FIELD_NUMBER: _ClassVar[int]
    CONSECUTIVE_FAILURES_FIELD_NUMBER: _ClassVar[int]
    CONSECUTIVE_SUCCESSES_FIELD_NUMBER: _ClassVar[int]
    total_calls: int
    successful_calls: int
    failed_calls: int
    rejected_calls: int
    consecutive_failures: int
    consecutive_successes: int
    def __init__(self, total_calls: _Optional[int] = ..., successful_calls: _Optional[int] = ..., failed_calls: _Optional[int] = ..., rejected_calls: _Optional[int] = ..., consecutive_failures: _Optional[int] = ..., consecutive_successes: _Optional[int] = ...) -> None: ...

class RestRateLimiter(_message.Message):
    __slots__ = ("type", "rate", "capacity", "current_tokens", "total_acquired", "total_rejected", "max_requests", "window_seconds", "current_count", "unchecked")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    RATE_FIELD_NUMBER: _ClassVar[int]
    CAPACITY_FIELD_NUMBER: _ClassVar[int]
    CURRENT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_ACQUIRED_FIELD_NUMBER: _ClassVar[int]
    TOTAL_REJECTED_FIELD_NUMBER: _ClassVar[int]
    MAX_REQUESTS_FIELD_NUMBER: _ClassVar[int]
    WINDOW_SECONDS_FIELD_NUMBER: _ClassVar[int]
    CURRENT_COUNT_FIELD_NUMBER: _ClassVar[int]
    UNCHECKED_FIELD_NUMBER: _ClassVar[int]
    type: str
    rate: float
    capacity: int
    current_tokens: float
    total_acquired: int
    total_rejected: int
    max_requests: int
    window_seconds: int
    current_count: int
    unchecked: int
    def __init__(self, type: _Optional[str] = ..., rate: _Optional[float] = ..., capacity: _Optional[int] = ..., current_tokens: _Optional[float] = ..., total_acquired: _Optional[int] = ..., total_rejected: _Optional[int] = ..., max_requests: _Optional[int] = ..., window_seconds: _Optional[int] = ..., current_count: _Optional[int] = ..., unchecked: _Optional[int] = ...) -> None: ...

class RestMetricsText(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
