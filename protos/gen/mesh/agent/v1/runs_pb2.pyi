import datetime

from buf.validate import validate_pb2 as _validate_pb2
from google.api import annotations_pb2 as _annotations_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from mesh.agent.v1 import events_pb2 as _events_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Run(_message.Message):
    __slots__ = ("run_id", "thread_id", "project_id", "account_id", "agent_id", "agent_version_id", "model_name", "status", "error", "error_code", "created_at", "started_at", "completed_at", "epoch", "steps")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    THREAD_ID_FIELD_NUMBER: _ClassVar[int]
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_VERSION_ID_FIELD_NUMBER: _ClassVar[int]
    MODEL_NAME_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    ERROR_CODE_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    COMPLETED_AT_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    thread_id: str
    project_id: str
    account_id: str
    agent_id: str
    agent_version_id: str
    model_name: str
    status: str
    error: str
    error_code: str
    created_at: _timestamp_pb2.Timestamp
    started_at: _timestamp_pb2.Timestamp
    completed_at: _timestamp_pb2.Timestamp
    epoch: int
    steps: int
    def __init__(self, run_id: _Optional[str] = ..., thread_id: _Optional[str] = ..., project_id: _Optional[str] = ..., account_id: _Optional[str] = ..., agent_id: _Optional[str] = ..., agent_version_id: _Optional[str] = ..., model_name: _Optional[str] = ..., status: _Optional[str] = ..., error: _Optional[str] = ..., error_code: _Optional[str] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., started_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., completed_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., epoch: _Optional[int] = ..., steps: _Optional[int] = ...) -> None: ...

class StartRunRequest(_message.Message):
    __slots__ = ("thread_id", "project_id", "prompt", "model_name", "agent_id", "optimistic", "mode", "memory_enabled", "idempotency_key", "on_conflict", "max_steps")
    THREAD_ID_FIELD_NUMBER: _ClassVar[int]
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    PROMPT_FIELD_NUMBER: _ClassVar[int]
    MODEL_NAME_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    OPTIMISTIC_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    MEMORY_ENABLED_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    ON_CONFLICT_FIELD_NUMBER: _ClassVar[int]
    MAX_STEPS_FIELD_NUMBER: _ClassVar[int]
    thread_id: str
    project_id: str
    prompt: str
    model_name: str
    agent_id: str
    optimistic: bool
    mode: str
    memory_enabled: bool
    idempotency_key: str
    on_conflict: str
    max_steps: int
    def __init__(self, thread_id: _Optional[str] = ..., project_id: _Optional[str] = ..., prompt: _Optional[str] = ..., model_name: _Optional[str] = ..., agent_id: _Optional[str] = ..., optimistic: _Optional[bool] = ..., mode: _Optional[str] = ..., memory_enabled: _Optional[bool] = ..., idempotency_key: _Optional[str] = ..., on_conflict: _Optional[str] = ..., max_steps: _Optional[int] = ...) -> None: ...

class StartRunResponse(_message.Message):
    __slots__ = ("thread_id", "agent_run_id", "project_id", "status")
    THREAD_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_RUN_ID_FIELD_NUMBER: _ClassVar[int]
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    thread_id: str
    agent_run_id: str
    project_id: str
    status: str
    def __init__(self, thread_id: _Optional[str] = ..., agent_run_id: _Optional[str] = ..., project_id: _Optional[str] = ..., status: _Optional[str] = ...) -> None: ...

class StopRunRequest(_message.Message):
    __slots__ = ("agent_run_id",)
    AGENT_RUN_ID_FIELD_NUMBER: _ClassVar[int]
    agent_run_id: str
    def __init__(self, agent_run_id: _Optional[str] = ...) -> None: ...

class StopRunResponse(_message.Message):
    __slots__ = ("status",)
    STATUS_FIELD_NUMBER: _ClassVar[int]
    status: str
    def __init__(self, status: _Optional[str] = ...) -> None: ...

class GetRunRequest(_message.Message):
    __slots__ = ("agent_run_id",)
    AGENT_RUN_ID_FIELD_NUMBER: _ClassVar[int]
    agent_run_id: str
    def __init__(self, agent_run_id: _Optional[str] = ...) -> None: ...

class GetRunResponse(_message.Message):
    __slots__ = ("run",)
    RUN_FIELD_NUMBER: _ClassVar[int]
    run: Run
    def __init__(self, run: _Optional[_Union[Run, _Mapping]] = ...) -> None: ...

class GetRunStatusRequest(_message.Message):
    __slots__ = ("agent_run_id",)
    AGENT_RUN_ID_FIELD_NUMBER: _ClassVar[int]
    agent_run_id: str
    def __init__(self, agent_run_id: _Optional[str] = ...) -> None: ...

class GetRunStatusResponse(_message.Message):
    __slots__ = ("status", "error")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    status: str
    error: str
    def __init__(self, status: _Optional[str] = ..., error: _Optional[str] = ...) -> None: ...

class GetRunSummaryRequest(_message.Message):
    __slots__ = ("agent_run_id",)
    AGENT_RUN_ID_FIELD_NUMBER: _ClassVar[int]
    agent_run_id: str
    def __init__(self, agent_run_id: _Optional[str] = ...) -> None: ...

class GetRunSummaryResponse(_message.Message):
    __slots__ = ("id", "threadId", "status", "startedAt", "completedAt", "error")
    ID_FIELD_NUMBER: _ClassVar[int]
    THREADID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    STARTEDAT_FIELD_NUMBER: _ClassVar[int]
    COMPLETEDAT_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    id: str
    threadId: str
    status: str
    startedAt: str
    completedAt: str
    error: str
    def __init__(self, id: _Optional[str] = ..., threadId: _Optional[str] = ..., status: _Optional[str] = ..., startedAt: _Optional[str] = ..., completedAt: _Optional[str] = ..., error: _Optional[str] = ...) -> None: ...

class ListActiveRunsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListActiveRunsResponse(_message.Message):
    __slots__ = ("active_runs",)
    ACTIVE_RUNS_FIELD_NUMBER: _ClassVar[int]
    active_runs: _containers.RepeatedCompositeFieldContainer[RunRow]
    def __init__(self, active_runs: _Optional[_Iterable[_Union[RunRow, _Mapping]]] = ...) -> None: ...

class RunRow(_message.Message):
    __slots__ = ("id", "thread_id", "status", "started_at", "completed_at", "error", "agent_id", "agent_version_id", "created_at", "model_name")
    ID_FIELD_NUMBER: _ClassVar[int]
    THREAD_ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    COMPLETED_AT_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_VERSION_ID_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    MODEL_NAME_FIELD_NUMBER: _ClassVar[int]
    id: str
    thread_id: str
    status: str
    started_at: str
    completed_at: str
    error: str
    agent_id: str
    agent_version_id: str
    created_at: str
    model_name: str
    def __init__(self, id: _Optional[str] = ..., thread_id: _Optional[str] = ..., status: _Optional[str] = ..., started_at: _Optional[str] = ..., completed_at: _Optional[str] = ..., error: _Optional[str] = ..., agent_id: _Optional[str] = ..., agent_version_id: _Optional[str] = ..., created_at: _Optional[str] = ..., model_name: _Optional[str] = ...) -> None: ...

class ListThreadRunsRequest(_message.Message):
    __slots__ = ("thread_id", "limit", "page_token")
    THREAD_ID_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    thread_id: str
    limit: int
    page_token: str
    def __init__(self, thread_id: _Optional[str] = ..., limit: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListThreadRunsResponse(_message.Message):
    __slots__ = ("agent_runs", "next_page_token", "_pending")
    AGENT_RUNS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    _PENDING_FIELD_NUMBER: _ClassVar[int]
    agent_runs: _containers.RepeatedCompositeFieldContainer[RunRow]
    next_page_token: str
    _pending: bool
    def __init__(self, agent_runs: _Optional[_Iterable[_Union[RunRow, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., _pending: _Optional[bool] = ...) -> None: ...

class WatchRunRequest(_message.Message):
    __slots__ = ("agent_run_id", "last_id")
    AGENT_RUN_ID_FIELD_NUMBER: _ClassVar[int]
    LAST_ID_FIELD_NUMBER: _ClassVar[int]
    agent_run_id: str
    last_id: str
    def __init__(self, agent_run_id: _Optional[str] = ..., last_id: _Optional[str] = ...) -> None: ...

class WatchRunResponse(_message.Message):
    __slots__ = ("run_id", "thread_id", "events", "gap")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    THREAD_ID_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    GAP_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    thread_id: str
    events: _containers.RepeatedCompositeFieldContainer[_events_pb2.RunEvent]
    gap: bool
    def __init__(self, run_id: _Optional[str] = ..., thread_id: _Optional[str] = ..., events: _Optional[_Iterable[_Union[_events_pb2.RunEvent, _Mapping]]] = ..., gap: _Optional[bool] = ...) -> None: ...

class ListModelsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListModelsResponse(_message.Message):
    __slots__ = ("models", "default_model")
    MODELS_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_MODEL_FIELD_NUMBER: _ClassVar[int]
    models: _containers.RepeatedCompositeFieldContainer[Model]
    default_model: str
    def __init__(self, models: _Optional[_Iterable[_Union[Model, _Mapping]]] = ..., default_model: _Optional[str] = ...) -> None: ...

class Model(_message.Message):
    __slots__ = ("id", "name", "provider", "allowed", "context_window", "capabilities", "priority", "recommended")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    ALLOWED_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_WINDOW_FIELD_NUMBER: _ClassVar[int]
    CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    RECOMMENDED_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    provider: str
    allowed: bool
    context_window: int
    capabilities: _containers.RepeatedScalarFieldContainer[str]
    priority: int
    recommended: bool
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., provider: _Optional[str] = ..., allowed: _Optional[bool] = ..., context_window: _Optional[int] = ..., capabilities: _Optional[_Iterable[str]] = ..., priority: _Optional[int] = ..., recommended: _Optional[bool] = ...) -> None: ...

class ListRecentRunsRequest(_message.Message):
    __slots__ = ("thread_id", "limit")
    THREAD_ID_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    thread_id: str
    limit: int
    def __init__(self, thread_id: _Optional[str] = ..., limit: _Optional[int] = ...) -> None: ...

class ListRecentRunsResponse(_message.Message):
    __slots__ = ("runs",)
    RUNS_FIELD_NUMBER: _ClassVar[int]
    runs: _containers.RepeatedCompositeFieldContainer[RunRow]
    def __init__(self, runs: _Optional[_Iterable[_Union[RunRow, _Mapping]]] = ...) -> None: ...

class CountActiveRunsRequest(_message.Message):
    __slots__ = ("account_id",)
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    def __init__(self, account_id: _Optional[str] = ...) -> None: ...

class CountActiveRunsResponse(_message.Message):
    __slots__ = ("running_count",)
    RUNNING_COUNT_FIELD_NUMBER: _ClassVar[int]
    running_count: int
    def __init__(self, running_count: _Optional[int] = ...) -> None: ...

class StopThreadRunsRequest(_message.Message):
    __slots__ = ("thread_ids",)
    THREAD_IDS_FIELD_NUMBER: _ClassVar[int]
    thread_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, thread_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class StopThreadRunsResponse(_message.Message):
    __slots__ = ("stopped",)
    STOPPED_FIELD_NUMBER: _ClassVar[int]
    stopped: int
    def __init__(self, stopped: _Optional[int] = ...) -> None: ...

class GetRunStatsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetRunStatsResponse(_message.Message):
    __slots__ = ("queued", "running", "oldest_queued_s", "outbox_pending", "orphaned")
    QUEUED_FIELD_NUMBER: _ClassVar[int]
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    OLDEST_QUEUED_S_FIELD_NUMBER: _ClassVar[int]
    OUTBOX_PENDING_FIELD_NUMBER: _ClassVar[int]
    ORPHANED_FIELD_NUMBER: _ClassVar[int]
    queued: int
    running: int
    oldest_queued_s: float
    outbox_pending: int
    orphaned: int
    def __init__(self, queued: _Optional[int] = ..., running: _Optional[int] = ..., oldest_queued_s: _Optional[float] = ..., outbox_pending: _Optional[int] = ..., orphaned: _Optional[int] = ...) -> None: ...
