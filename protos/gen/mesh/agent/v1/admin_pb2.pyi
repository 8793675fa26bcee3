import datetime

from buf.validate import validate_pb2 as _validate_pb2
from google.api import annotations_pb2 as _annotations_pb2
from google.api import httpbody_pb2 as _httpbody_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from mesh.rest.v1 import rest_pb2 as _rest_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetDashboardRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetDashboardResponse(_message.Message):
    __slots__ = ("active_runs", "active_runs_metric", "owned_runs", "pending_writes", "stuck_count", "runs_started", "runs_completed", "runs_failed", "runs_recovered", "runs_rejected", "flush_latency_avg", "flush_latency_p99", "wal", "dlq", "healthy", "alerts")
    ACTIVE_RUNS_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_RUNS_METRIC_FIELD_NUMBER: _ClassVar[int]
    OWNED_RUNS_FIELD_NUMBER: _ClassVar[int]
    PENDING_WRITES_FIELD_NUMBER: _ClassVar[int]
    STUCK_COUNT_FIELD_NUMBER: _ClassVar[int]
    RUNS_STARTED_FIELD_NUMBER: _ClassVar[int]
    RUNS_COMPLETED_FIELD_NUMBER: _ClassVar[int]
    RUNS_FAILED_FIELD_NUMBER: _ClassVar[int]
    RUNS_RECOVERED_FIELD_NUMBER: _ClassVar[int]
    RUNS_REJECTED_FIELD_NUMBER: _ClassVar[int]
    FLUSH_LATENCY_AVG_FIELD_NUMBER: _ClassVar[int]
    FLUSH_LATENCY_P99_FIELD_NUMBER: _ClassVar[int]
    WAL_FIELD_NUMBER: _ClassVar[int]
    DLQ_FIELD_NUMBER: _ClassVar[int]
    HEALTHY_FIELD_NUMBER: _ClassVar[int]
    ALERTS_FIELD_NUMBER: _ClassVar[int]
    active_runs: int
    active_runs_metric: int
    owned_runs: int
    pending_writes: int
    stuck_count: int
    runs_started: int
    runs_completed: int
    runs_failed: int
    runs_recovered: int
    runs_rejected: int
    flush_latency_avg: float
    flush_latency_p99: float
    wal: GetWalStatsResponse
    dlq: DeadLetterStats
    healthy: bool
    alerts: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, active_runs: _Optional[int] = ..., active_runs_metric: _Optional[int] = ..., owned_runs: _Optional[int] = ..., pending_writes: _Optional[int] = ..., stuck_count: _Optional[int] = ..., runs_started: _Optional[int] = ..., runs_completed: _Optional[int] = ..., runs_failed: _Optional[int] = ..., runs_recovered: _Optional[int] = ..., runs_rejected: _Optional[int] = ..., flush_latency_avg: _Optional[float] = ..., flush_latency_p99: _Optional[float] = ..., wal: _Optional[_Union[GetWalStatsResponse, _Mapping]] = ..., dlq: _Optional[_Union[DeadLetterStats, _Mapping]] = ..., healthy: _Optional[bool] = ..., alerts: _Optional[_Iterable[str]] = ...) -> None: ...

class DeadLetterStats(_message.Message):
    __slots__ = ("total", "runs")
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    RUNS_FIELD_NUMBER: _ClassVar[int]
    total: int
    runs: int
    def __init__(self, total: _Optional[int] = ..., runs: _Optional[int] = ...) -> None: ...

class GetHealthRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetHealthResponse(_message.Message):
    __slots__ = ("healthy", "ready", "initialized", "shutting_down", "flusher", "ownership", "recovery")
    HEALTHY_FIELD_NUMBER: _ClassVar[int]
    READY_FIELD_NUMBER: _ClassVar[int]
    INITIALIZED_FIELD_NUMBER: _ClassVar[int]
    SHUTTING_DOWN_FIELD_NUMBER: _ClassVar[int]
    FLUSHER_FIELD_NUMBER: _ClassVar[int]
    OWNERSHIP_FIELD_NUMBER: _ClassVar[int]
    RECOVERY_FIELD_NUMBER: _ClassVar[int]
    healthy: bool
    ready: bool
    initialized: bool
    shutting_down: bool
    flusher: FlusherHealth
    ownership: OwnershipHealth
    recovery: RecoveryHealth
    def __init__(self, healthy: _Optional[bool] = ..., ready: _Optional[bool] = ..., initialized: _Optional[bool] = ..., shutting_down: _Optional[bool] = ..., flusher: _Optional[_Union[FlusherHealth, _Mapping]] = ..., ownership: _Optional[_Union[OwnershipHealth, _Mapping]] = ..., recovery: _Optional[_Union[RecoveryHealth, _Mapping]] = ...) -> None: ...

class FlusherHealth(_message.Message):
    __slots__ = ("pending_writes", "oldest_s")
    PENDING_WRITES_FIELD_NUMBER: _ClassVar[int]
    OLDEST_S_FIELD_NUMBER: _ClassVar[int]
    pending_writes: int
    oldest_s: float
    def __init__(self, pending_writes: _Optional[int] = ..., oldest_s: _Optional[float] = ...) -> None: ...

class OwnershipHealth(_message.Message):
    __slots__ = ("workers", "owned_runs")
    WORKERS_FIELD_NUMBER: _ClassVar[int]
    OWNED_RUNS_FIELD_NUMBER: _ClassVar[int]
    workers: int
    owned_runs: int
    def __init__(self, workers: _Optional[int] = ..., owned_runs: _Optional[int] = ...) -> None: ...

class RecoveryHealth(_message.Message):
    __slots__ = ("orphaned",)
    ORPHANED_FIELD_NUMBER: _ClassVar[int]
    orphaned: int
    def __init__(self, orphaned: _Optional[int] = ...) -> None: ...

class ListActiveThreadsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListActiveThreadsResponse(_message.Message):
    __slots__ = ("count", "threads")
    COUNT_FIELD_NUMBER: _ClassVar[int]
    THREADS_FIELD_NUMBER: _ClassVar[int]
    count: int
    threads: _containers.RepeatedCompositeFieldContainer[ActiveThread]
    def __init__(self, count: _Optional[int] = ..., threads: _Optional[_Iterable[_Union[ActiveThread, _Mapping]]] = ...) -> None: ...

class ActiveThread(_message.Message):
    __slots__ = ("thread_id", "run_id", "status")
    THREAD_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    thread_id: str
    run_id: str
    status: str
    def __init__(self, thread_id: _Optional[str] = ..., run_id: _Optional[str] = ..., status: _Optional[str] = ...) -> None: ...

class ListStuckRunsRequest(_message.Message):
    __slots__ = ("min_age",)
    MIN_AGE_FIELD_NUMBER: _ClassVar[int]
    min_age: int
    def __init__(self, min_age: _Optional[int] = ...) -> None: ...

class ListStuckRunsResponse(_message.Message):
    __slots__ = ("runs",)
    RUNS_FIELD_NUMBER: _ClassVar[int]
    runs: _containers.RepeatedCompositeFieldContainer[StuckRun]
    def __init__(self, runs: _Optional[_Iterable[_Union[StuckRun, _Mapping]]] = ...) -> None: ...

class StuckRun(_message.Message):
    __slots__ = ("run", "reason")
    RUN_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    run: RunDetail
    reason: str
    def __init__(self, run: _Optional[_Union[RunDetail, _Mapping]] = ..., reason: _Optional[str] = ...) -> None: ...

class RunDetail(_message.Message):
    __slots__ = ("run_id", "thread_id", "owner", "status", "heartbeat", "heartbeat_age", "start", "duration")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    THREAD_ID_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_AGE_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    DURATION_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    thread_id: str
    owner: str
    status: str
    heartbeat: _timestamp_pb2.Timestamp
    heartbeat_age: float
    start: _timestamp_pb2.Timestamp
    duration: float
    def __init__(self, run_id: _Optional[str] = ..., thread_id: _Optional[str] = ..., owner: _Optional[str] = ..., status: _Optional[str] = ..., heartbeat: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., heartbeat_age: _Optional[float] = ..., start: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., duration: _Optional[float] = ...) -> None: ...

class GetRunDetailRequest(_message.Message):
    __slots__ = ("run_id",)
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    def __init__(self, run_id: _Optional[str] = ...) -> None: ...

class GetRunDetailResponse(_message.Message):
    __slots__ = ("run_id", "thread_id", "owner", "status", "heartbeat", "heartbeat_age", "start", "duration")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    THREAD_ID_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_AGE_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    DURATION_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    thread_id: str
    owner: str
    status: str
    heartbeat: str
    heartbeat_age: float
    start: str
    duration: float
    def __init__(self, run_id: _Optional[str] = ..., thread_id: _Optional[str] = ..., owner: _Optional[str] = ..., status: _Optional[str] = ..., heartbeat: _Optional[str] = ..., heartbeat_age: _Optional[float] = ..., start: _Optional[str] = ..., duration: _Optional[float] = ...) -> None: ...

class ResumeRunRequest(_message.Message):
    __slots__ = ("run_id",)
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    def __init__(self, run_id: _Optional[str] = ...) -> None: ...

class ResumeRunResponse(_message.Message):
    __slots__ = ("run_id", "success", "action", "message", "error")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    success: bool
    action: str
    message: str
    error: str
    def __init__(self, run_id: _Optional[str] = ..., success: _Optional[bool] = ..., action: _Optional[str] = ..., message: _Optional[str] = ..., error: _Optional[str] = ...) -> None: ...

class CompleteRunRequest(_message.Message):
    __slots__ = ("run_id", "reason")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    reason: str
    def __init__(self, run_id: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class CompleteRunResponse(_message.Message):
    __slots__ = ("run_id", "success", "action", "message", "error")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    success: bool
    action: str
    message: str
    error: str
    def __init__(self, run_id: _Optional[str] = ..., success: _Optional[bool] = ..., action: _Optional[str] = ..., message: _Optional[str] = ..., error: _Optional[str] = ...) -> None: ...

class FailRunRequest(_message.Message):
    __slots__ = ("run_id", "error")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    error: str
    def __init__(self, run_id: _Optional[str] = ..., error: _Optional[str] = ...) -> None: ...

class FailRunResponse(_message.Message):
    __slots__ = ("run_id", "success", "action", "message", "error")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    success: bool
    action: str
    message: str
    error: str
    def __init__(self, run_id: _Optional[str] = ..., success: _Optional[bool] = ..., action: _Optional[str] = ..., message: _Optional[str] = ..., error: _Optional[str] = ...) -> None: ...

class SweepRunsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SweepRunsResponse(_message.Message):
    __slots__ = ("orphaned", "recovered", "stuck", "completed", "zombies_cleaned", "errors")
    ORPHANED_FIELD_NUMBER: _ClassVar[int]
    RECOVERED_FIELD_NUMBER: _ClassVar[int]
    STUCK_FIELD_NUMBER: _ClassVar[int]
    COMPLETED_FIELD_NUMBER: _ClassVar[int]
    ZOMBIES_CLEANED_FIELD_NUMBER: _ClassVar[int]
    ERRORS_FIELD_NUMBER: _ClassVar[int]
    orphaned: int
    recovered: int
    stuck: int
    completed: int
    zombies_cleaned: int
    errors: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, orphaned: _Optional[int] = ..., recovered: _Optional[int] = ..., stuck: _Optional[int] = ..., completed: _Optional[int] = ..., zombies_cleaned: _Optional[int] = ..., errors: _Optional[_Iterable[str]] = ...) -> None: ...

class FlushOutboxRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class FlushOutboxResponse(_message.Message):
    __slots__ = ("runs", "total", "details")
    class DetailsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    RUNS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    DETAILS_FIELD_NUMBER: _ClassVar[int]
    runs: int
    total: int
    details: _containers.ScalarMap[str, int]
    def __init__(self, runs: _Optional[int] = ..., total: _Optional[int] = ..., details: _Optional[_Mapping[str, int]] = ...) -> None: ...

class ListDeadLettersRequest(_message.Message):
    __slots__ = ("count", "run_id", "page_token")
    COUNT_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    count: int
    run_id: str
    page_token: str
    def __init__(self, count: _Optional[int] = ..., run_id: _Optional[str] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListDeadLettersResponse(_message.Message):
    __slots__ = ("entries", "next_page_token")
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    entries: _containers.RepeatedCompositeFieldContainer[DeadLetter]
    next_page_token: str
    def __init__(self, entries: _Optional[_Iterable[_Union[DeadLetter, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class DeadLetter(_message.Message):
    __slots__ = ("entry_id", "run_id", "write_type", "error", "attempt_count", "created_at", "failed_at", "payload")
    ENTRY_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    WRITE_TYPE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_COUNT_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    FAILED_AT_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    entry_id: str
    run_id: str
    write_type: str
    error: str
    attempt_count: int
    created_at: _timestamp_pb2.Timestamp
    failed_at: _timestamp_pb2.Timestamp
    payload: bytes
    def __init__(self, entry_id: _Optional[str] = ..., run_id: _Optional[str] = ..., write_type: _Optional[str] = ..., error: _Optional[str] = ..., attempt_count: _Optional[int] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., failed_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., payload: _Optional[bytes] = ...) -> None: ...

class RetryDeadLetterRequest(_message.Message):
    __slots__ = ("entry_id",)
    ENTRY_ID_FIELD_NUMBER: _ClassVar[int]
    entry_id: str
    def __init__(self, entry_id: _Optional[str] = ...) -> None: ...

class RetryDeadLetterResponse(_message.Message):
    __slots__ = ("success", "entry_id")
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    ENTRY_ID_FIELD_NUMBER: _ClassVar[int]
    success: bool
    entry_id: str
    def __init__(self, success: _Optional[bool] = ..., entry_id: _Optional[str] = ...) -> None: ...

class DiscardDeadLetterRequest(_message.Message):
    __slots__ = ("entry_id",)
    ENTRY_ID_FIELD_NUMBER: _ClassVar[int]
    entry_id: str
    def __init__(self, entry_id: _Optional[str] = ...) -> None: ...

class DiscardDeadLetterResponse(_message.Message):
    __slots__ = ("success", "entry_id")
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    ENTRY_ID_FIELD_NUMBER: _ClassVar[int]
    success: bool
    entry_id: str
    def __init__(self, success: _Optional[bool] = ..., entry_id: _Optional[str] = ...) -> None: ...

class PurgeDeadLettersRequest(_message.Message):
    __slots__ = ("older_than_hours",)
    OLDER_THAN_HOURS_FIELD_NUMBER: _ClassVar[int]
    older_than_hours: int
    def __init__(self, older_than_hours: _Optional[int] = ...) -> None: ...

class PurgeDeadLettersResponse(_message.Message):
    __slots__ = ("deleted",)
    DELETED_FIELD_NUMBER: _ClassVar[int]
    deleted: int
    def __init__(self, deleted: _Optional[int] = ...) -> None: ...

class GetWalStatsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetWalStatsResponse(_message.Message):
    __slots__ = ("total_pending", "runs_with_pending", "local_buffer_runs")
    TOTAL_PENDING_FIELD_NUMBER: _ClassVar[int]
    RUNS_WITH_PENDING_FIELD_NUMBER: _ClassVar[int]
    LOCAL_BUFFER_RUNS_FIELD_NUMBER: _ClassVar[int]
    total_pending: int
    runs_with_pending: int
    local_buffer_runs: int
    def __init__(self, total_pending: _Optional[int] = ..., runs_with_pending: _Optional[int] = ..., local_buffer_runs: _Optional[int] = ...) -> None: ...

class ListCircuitBreakersRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListCircuitBreakersResponse(_message.Message):
    __slots__ = ("breakers",)
    BREAKERS_FIELD_NUMBER: _ClassVar[int]
    breakers: _containers.RepeatedCompositeFieldContainer[CircuitBreaker]
    def __init__(self, breakers: _Optional[_Iterable[_Union[CircuitBreaker, _Mapping]]] = ...) -> None: ...

class CircuitBreaker(_message.Message):
    __slots__ = ("name", "state", "stats", "opened_at", "retry_after")
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    STATS_FIELD_NUMBER: _ClassVar[int]
    OPENED_AT_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_FIELD_NUMBER: _ClassVar[int]
    name: str
    state: str
    stats: CircuitStats
    opened_at: _timestamp_pb2.Timestamp
    retry_after: float
    def __init__(self, name: _Optional[str] = ..., state: _Optional[str] = ..., stats: _Optional[_Union[CircuitStats, _Mapping]] = ..., opened_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., retry_after: _Optional[float] = ...) -> None: ...

class CircuitStats(_message.Message):
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

class ResetCircuitBreakersRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ResetCircuitBreakersResponse(_message.Message):
    __slots__ = ("success",)
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    success: bool
    def __init__(self, success: _Optional[bool] = ...) -> None: ...

class ListRateLimitersRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListRateLimitersResponse(_message.Message):
    __slots__ = ("limiters",)
    LIMITERS_FIELD_NUMBER: _ClassVar[int]
    limiters: _containers.RepeatedCompositeFieldContainer[RateLimiter]
    def __init__(self, limiters: _Optional[_Iterable[_Union[RateLimiter, _Mapping]]] = ...) -> None: ...

class RateLimiter(_message.Message):
    __slots__ = ("name", "type", "rate", "capacity", "current_tokens", "total_acquired", "total_rejected", "max_requests", "window_seconds", "current_count", "unchecked")
    NAME_FIELD_NUMBER: _ClassVar[int]
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
    name: str
    type: str
    rate: float
    capacity: int
    current_tokens: int
    total_acquired: int
    total_rejected: int
    max_requests: int
    window_seconds: int
    current_count: int
    unchecked: int
    def __init__(self, name: _Optional[str] = ..., type: _Optional[str] = ..., rate: _Optional[float] = ..., capacity: _Optional[int] = ..., current_tokens: _Optional[int] = ..., total_acquired: _Optional[int] = ..., total_rejected: _Optional[int] = ..., max_requests: _Optional[int] = ..., window_seconds: _Optional[int] = ..., current_count: _Optional[int] = ..., unchecked: _Optional[int] = ...) -> None: ...

class GetBackpressureRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetBackpressureResponse(_message.Message):
    __slots__ = ("level", "pending_writes", "active_runs", "flush_latency_ms", "memory_percent", "should_accept_work", "should_shed_load", "recommended_batch_size", "recommended_flush_interval")
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    PENDING_WRITES_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_RUNS_FIELD_NUMBER: _ClassVar[int]
    FLUSH_LATENCY_MS_FIELD_NUMBER: _ClassVar[int]
    MEMORY_PERCENT_FIELD_NUMBER: _ClassVar[int]
    SHOULD_ACCEPT_WORK_FIELD_NUMBER: _ClassVar[int]
    SHOULD_SHED_LOAD_FIELD_NUMBER: _ClassVar[int]
    RECOMMENDED_BATCH_SIZE_FIELD_NUMBER: _ClassVar[int]
    RECOMMENDED_FLUSH_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    level: str
    pending_writes: int
    active_runs: int
    flush_latency_ms: float
    memory_percent: float
    should_accept_work: bool
    should_shed_load: bool
    recommended_batch_size: int
    recommended_flush_interval: float
    def __init__(self, level: _Optional[str] = ..., pending_writes: _Optional[int] = ..., active_runs: _Optional[int] = ..., flush_latency_ms: _Optional[float] = ..., memory_percent: _Optional[float] = ..., should_accept_work: _Optional[bool] = ..., should_shed_load: _Optional[bool] = ..., recommended_batch_size: _Optional[int] = ..., recommended_flush_interval: _Optional[float] = ...) -> None: ...

class GetMetricsHistoryRequest(_message.Message):
    __slots__ = ("minutes",)
    MINUTES_FIELD_NUMBER: _ClassVar[int]
    minutes: int
    def __init__(self, minutes: _Optional[int] = ...) -> None: ...

class GetMetricsHistoryResponse(_message.Message):
    __slots__ = ("current", "history", "minutes")
    CURRENT_FIELD_NUMBER: _ClassVar[int]
    HISTORY_FIELD_NUMBER: _ClassVar[int]
    MINUTES_FIELD_NUMBER: _ClassVar[int]
    current: MetricsPoint
    history: _containers.RepeatedCompositeFieldContainer[MetricsPoint]
    minutes: int
    def __init__(self, current: _Optional[_Union[MetricsPoint, _Mapping]] = ..., history: _Optional[_Iterable[_Union[MetricsPoint, _Mapping]]] = ..., minutes: _Optional[int] = ...) -> None: ...

class MetricsPoint(_message.Message):
    __slots__ = ("timestamp", "workers", "active_runs", "pending_writes", "runs_rejected", "flush_latency_ms", "memory_percent", "loop_lag_ms")
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    WORKERS_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_RUNS_FIELD_NUMBER: _ClassVar[int]
    PENDING_WRITES_FIELD_NUMBER: _ClassVar[int]
    RUNS_REJECTED_FIELD_NUMBER: _ClassVar[int]
    FLUSH_LATENCY_MS_FIELD_NUMBER: _ClassVar[int]
    MEMORY_PERCENT_FIELD_NUMBER: _ClassVar[int]
    LOOP_LAG_MS_FIELD_NUMBER: _ClassVar[int]
    timestamp: str
    workers: int
    active_runs: int
    pending_writes: int
    runs_rejected: int
    flush_latency_ms: float
    memory_percent: float
    loop_lag_ms: float
    def __init__(self, timestamp: _Optional[str] = ..., workers: _Optional[int] = ..., active_runs: _Optional[int] = ..., pending_writes: _Optional[int] = ..., runs_rejected: _Optional[int] = ..., flush_latency_ms: _Optional[float] = ..., memory_percent: _Optional[float] = ..., loop_lag_ms: _Optional[float] = ...) -> None: ...

class AgentAdminRestListStuckRunsRequest(_message.Message):
    __slots__ = ("min_age",)
    MIN_AGE_FIELD_NUMBER: _ClassVar[int]
    min_age: int
    def __init__(self, min_age: _Optional[int] = ...) -> None: ...

class AgentAdminRestListDeadLettersRequest(_message.Message):
    __slots__ = ("count", "run_id")
    COUNT_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    count: int
    run_id: str
    def __init__(self, count: _Optional[int] = ..., run_id: _Optional[str] = ...) -> None: ...

class AgentAdminRestListCircuitBreakersRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class AgentAdminRestListRateLimitersRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class AgentAdminRestGetMetricsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
