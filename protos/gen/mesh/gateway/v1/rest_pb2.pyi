import datetime

from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from mesh.rest.v1 import rest_pb2 as _rest_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RestStart(_message.Message):
    __slots__ = ("prompt", "message", "thread_id", "project_id", "model_name", "agent_id", "optimistic", "memory_enabled", "mode", "on_conflict", "files")
    PROMPT_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    THREAD_ID_FIELD_NUMBER: _ClassVar[int]
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    MODEL_NAME_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    OPTIMISTIC_FIELD_NUMBER: _ClassVar[int]
    MEMORY_ENABLED_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    ON_CONFLICT_FIELD_NUMBER: _ClassVar[int]
    FILES_FIELD_NUMBER: _ClassVar[int]
    prompt: str
    message: str
    thread_id: str
    project_id: str
    model_name: str
    agent_id: str
    optimistic: bool
    memory_enabled: bool
    mode: str
    on_conflict: str
    files: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, prompt: _Optional[str] = ..., message: _Optional[str] = ..., thread_id: _Optional[str] = ..., project_id: _Optional[str] = ..., model_name: _Optional[str] = ..., agent_id: _Optional[str] = ..., optimistic: _Optional[bool] = ..., memory_enabled: _Optional[bool] = ..., mode: _Optional[str] = ..., on_conflict: _Optional[str] = ..., files: _Optional[_Iterable[bytes]] = ...) -> None: ...

class RestStarted(_message.Message):
    __slots__ = ("thread_id", "agent_run_id", "project_id", "sandbox_id", "status")
    THREAD_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_RUN_ID_FIELD_NUMBER: _ClassVar[int]
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    SANDBOX_ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    thread_id: str
    agent_run_id: str
    project_id: str
    sandbox_id: str
    status: str
    def __init__(self, thread_id: _Optional[str] = ..., agent_run_id: _Optional[str] = ..., project_id: _Optional[str] = ..., sandbox_id: _Optional[str] = ..., status: _Optional[str] = ...) -> None: ...

class RestRunEvent(_message.Message):
    __slots__ = ("id", "data")
    ID_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    id: str
    data: str
    def __init__(self, id: _Optional[str] = ..., data: _Optional[str] = ...) -> None: ...

class RestNewThread(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class RestThreadMade(_message.Message):
    __slots__ = ("thread_id", "project_id")
    THREAD_ID_FIELD_NUMBER: _ClassVar[int]
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    thread_id: str
    project_id: str
    def __init__(self, thread_id: _Optional[str] = ..., project_id: _Optional[str] = ...) -> None: ...

class RestFullThread(_message.Message):
    __slots__ = ("thread_id", "project_id", "name", "metadata", "is_public", "created_at", "updated_at", "message_count", "project", "recent_agent_runs", "_pending")
    THREAD_ID_FIELD_NUMBER: _ClassVar[int]
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    IS_PUBLIC_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_COUNT_FIELD_NUMBER: _ClassVar[int]
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    RECENT_AGENT_RUNS_FIELD_NUMBER: _ClassVar[int]
    _PENDING_FIELD_NUMBER: _ClassVar[int]
    thread_id: str
    project_id: str
    name: str
    metadata: _struct_pb2.Struct
    is_public: bool
    created_at: _timestamp_pb2.Timestamp
    updated_at: _timestamp_pb2.Timestamp
    message_count: int
    project: RestFullProject
    recent_agent_runs: _containers.RepeatedCompositeFieldContainer[RestRecentRun]
    _pending: bool
    def __init__(self, thread_id: _Optional[str] = ..., project_id: _Optional[str] = ..., name: _Optional[str] = ..., metadata: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., is_public: _Optional[bool] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., updated_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., message_count: _Optional[int] = ..., project: _Optional[_Union[RestFullProject, _Mapping]] = ..., recent_agent_runs: _Optional[_Iterable[_Union[RestRecentRun, _Mapping]]] = ..., _pending: _Optional[bool] = ...) -> None: ...

class RestFullProject(_message.Message):
    __slots__ = ("project_id", "name", "description", "is_public", "icon_name", "created_at", "updated_at", "sandbox")
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    IS_PUBLIC_FIELD_NUMBER: _ClassVar[int]
    ICON_NAME_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    SANDBOX_FIELD_NUMBER: _ClassVar[int]
    project_id: str
    name: str
    description: str
    is_public: bool
    icon_name: str
    created_at: _timestamp_pb2.Timestamp
    updated_at: _timestamp_pb2.Timestamp
    sandbox: RestProjectSandbox
    def __init__(self, project_id: _Optional[str] = ..., name: _Optional[str] = ..., description: _Optional[str] = ..., is_public: _Optional[bool] = ..., icon_name: _Optional[str] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., updated_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., sandbox: _Optional[_Union[RestProjectSandbox, _Mapping]] = ...) -> None: ...

class RestProjectSandbox(_message.Message):
    __slots__ = ("id", "vnc_preview", "sandbox_url", "token")
    ID_FIELD_NUMBER: _ClassVar[int]
    PASS_FIELD_NUMBER: _ClassVar[int]
    VNC_PREVIEW_FIELD_NUMBER: _ClassVar[int]
    SANDBOX_URL_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    id: str
    vnc_preview: str
    sandbox_url: str
    token: str
    def __init__(self, id: _Optional[str] = ..., vnc_preview: _Optional[str] = ..., sandbox_url: _Optional[str] = ..., token: _Optional[str] = ..., **kwargs) -> None: ...

class RestRecentRun(_message.Message):
    __slots__ = ("id", "status", "started_at", "completed_at", "error", "agent_id", "agent_version_id", "created_at")
    ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    COMPLETED_AT_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_VERSION_ID_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    id: str
    status: str
    started_at: _timestamp_pb2.Timestamp
    completed_at: _timestamp_pb2.Timestamp
    error: str
    agent_id: str
    agent_version_id: str
    created_at: _timestamp_pb2.Timestamp
    def __init__(self, id: _Optional[str] = ..., status: _Optional[str] = ..., started_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., completed_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., error: _Optional[str] = ..., agent_id: _Optional[str] = ..., agent_version_id: _Optional[str] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class RestThreadChange(_message.Message):
    __slots__ = ("title", "is_public")
    TITLE_FIELD_NUMBER: _ClassVar[int]
    IS_PUBLIC_FIELD_NUMBER: _ClassVar[int]
    title: str
    is_public: bool
    def __init__(self, title: _Optional[str] = ..., is_public: _Optional[bool] = ...) -> None: ...

class RestAccountState(_message.Message):
    __slots__ = ("credits", "subscription", "models", "limits", "tier", "_cache")
    CREDITS_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIPTION_FIELD_NUMBER: _ClassVar[int]
    MODELS_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    TIER_FIELD_NUMBER: _ClassVar[int]
    _CACHE_FIELD_NUMBER: _ClassVar[int]
    credits: RestCredits
    subscription: RestSubscription
    models: _containers.RepeatedCompositeFieldContainer[RestModel]
    limits: RestLimits
    tier: RestTier
    _cache: RestCache
    def __init__(self, credits: _Optional[_Union[RestCredits, _Mapping]] = ..., subscription: _Optional[_Union[RestSubscription, _Mapping]] = ..., models: _Optional[_Iterable[_Union[RestModel, _Mapping]]] = ..., limits: _Optional[_Union[RestLimits, _Mapping]] = ..., tier: _Optional[_Union[RestTier, _Mapping]] = ..., _cache: _Optional[_Union[RestCache, _Mapping]] = ...) -> None: ...

class RestCredits(_message.Message):
    __slots__ = ("total", "daily", "monthly", "extra", "can_run", "daily_refresh")
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    DAILY_FIELD_NUMBER: _ClassVar[int]
    MONTHLY_FIELD_NUMBER: _ClassVar[int]
    EXTRA_FIELD_NUMBER: _ClassVar[int]
    CAN_RUN_FIELD_NUMBER: _ClassVar[int]
    DAILY_REFRESH_FIELD_NUMBER: _ClassVar[int]
    total: float
    daily: float
    monthly: float
    extra: float
    can_run: bool
    daily_refresh: RestDailyRefresh
    def __init__(self, total: _Optional[float] = ..., daily: _Optional[float] = ..., monthly: _Optional[float] = ..., extra: _Optional[float] = ..., can_run: _Optional[bool] = ..., daily_refresh: _Optional[_Union[RestDailyRefresh, _Mapping]] = ...) -> None: ...

class RestDailyRefresh(_message.Message):
    __slots__ = ("enabled", "daily_amount", "refresh_interval_hours", "last_refresh", "next_refresh_at", "seconds_until_refresh")
    ENABLED_FIELD_NUMBER: _ClassVar[int]
    DAILY_AMOUNT_FIELD_NUMBER: _ClassVar[int]
    REFRESH_INTERVAL_HOURS_FIELD_NUMBER: _ClassVar[int]
    LAST_REFRESH_FIELD_NUMBER: _ClassVar[int]
    NEXT_REFRESH_AT_FIELD_NUMBER: _ClassVar[int]
    SECONDS_UNTIL_REFRESH_FIELD_NUMBER: _ClassVar[int]
    enabled: bool
    daily_amount: float
    refresh_interval_hours: int
    last_refresh: _timestamp_pb2.Timestamp
    next_refresh_at: _timestamp_pb2.Timestamp
    seconds_until_refresh: int
    def __init__(self, enabled: _Optional[bool] = ..., daily_amount: _Optional[float] = ..., refresh_interval_hours: _Optional[int] = ..., last_refresh: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., next_refresh_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., seconds_until_refresh: _Optional[int] = ...) -> None: ...

class RestSubscription(_message.Message):
    __slots__ = ("tier_key", "tier_display_name", "status", "billing_period", "provider", "subscription_id", "current_period_end", "cancel_at_period_end", "is_trial", "trial_status", "trial_ends_at", "is_cancelled", "cancellation_effective_date", "has_scheduled_change", "scheduled_change", "commitment", "can_purchase_credits")
    TIER_KEY_FIELD_NUMBER: _ClassVar[int]
    TIER_DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    BILLING_PERIOD_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIPTION_ID_FIELD_NUMBER: _ClassVar[int]
    CURRENT_PERIOD_END_FIELD_NUMBER: _ClassVar[int]
    CANCEL_AT_PERIOD_END_FIELD_NUMBER: _ClassVar[int]
    IS_TRIAL_FIELD_NUMBER: _ClassVar[int]
    TRIAL_STATUS_FIELD_NUMBER: _ClassVar[int]
    TRIAL_ENDS_AT_FIELD_NUMBER: _ClassVar[int]
    IS_CANCELLED_FIELD_NUMBER: _ClassVar[int]
    CANCELLATION_EFFECTIVE_DATE_FIELD_NUMBER: _ClassVar[int]
    HAS_SCHEDULED_CHANGE_FIELD_NUMBER: _ClassVar[int]
    SCHEDULED_CHANGE_FIELD_NUMBER: _ClassVar[int]
    COMMITMENT_FIELD_NUMBER: _ClassVar[int]
    CAN_PURCHASE_CREDITS_FIELD_NUMBER: _ClassVar[int]
    tier_key: str
    tier_display_name: str
    status: str
    billing_period: str
    provider: str
    subscription_id: str
    current_period_end: _timestamp_pb2.Timestamp
    cancel_at_period_end: bool
    is_trial: bool
    trial_status: str
    trial_ends_at: _timestamp_pb2.Timestamp
    is_cancelled: bool
    cancellation_effective_date: _timestamp_pb2.Timestamp
    has_scheduled_change: bool
    scheduled_change: _struct_pb2.Struct
    commitment: RestCommitment
    can_purchase_credits: bool
    def __init__(self, tier_key: _Optional[str] = ..., tier_display_name: _Optional[str] = ..., status: _Optional[str] = ..., billing_period: _Optional[str] = ..., provider: _Optional[str] = ..., subscription_id: _Optional[str] = ..., current_period_end: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., cancel_at_period_end: _Optional[bool] = ..., is_trial: _Optional[bool] = ..., trial_status: _Optional[str] = ..., trial_ends_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., is_cancelled: _Optional[bool] = ..., cancellation_effective_date: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., has_scheduled_change: _Optional[bool] = ..., scheduled_change: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., commitment: _Optional[_Union[RestCommitment, _Mapping]] = ..., can_purchase_credits: _Optional[bool] = ...) -> None: ...

class RestCommitment(_message.Message):
    __slots__ = ("has_commitment", "can_cancel", "commitment_type", "months_remaining", "commitment_end_date")
    HAS_COMMITMENT_FIELD_NUMBER: _ClassVar[int]
    CAN_CANCEL_FIELD_NUMBER: _ClassVar[int]
    COMMITMENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    MONTHS_REMAINING_FIELD_NUMBER: _ClassVar[int]
    COMMITMENT_END_DATE_FIELD_NUMBER: _ClassVar[int]
    has_commitment: bool
    can_cancel: bool
    commitment_type: str
    months_remaining: int
    commitment_end_date: _timestamp_pb2.Timestamp
    def __init__(self, has_commitment: _Optional[bool] = ..., can_cancel: _Optional[bool] = ..., commitment_type: _Optional[str] = ..., months_remaining: _Optional[int] = ..., commitment_end_date: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class RestModel(_message.Message):
    __slots__ = ("id", "name", "provider", "allowed", "context_window", "priority", "recommended", "capabilities")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    ALLOWED_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_WINDOW_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    RECOMMENDED_FIELD_NUMBER: _ClassVar[int]
    CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    provider: str
    allowed: bool
    context_window: int
    priority: int
    recommended: bool
    capabilities: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., provider: _Optional[str] = ..., allowed: _Optional[bool] = ..., context_window: _Optional[int] = ..., priority: _Optional[int] = ..., recommended: _Optional[bool] = ..., capabilities: _Optional[_Iterable[str]] = ...) -> None: ...

class RestLimits(_message.Message):
    __slots__ = ("projects", "threads", "concurrent_runs", "ai_worker_count", "custom_mcp_count", "trigger_count")
    PROJECTS_FIELD_NUMBER: _ClassVar[int]
    THREADS_FIELD_NUMBER: _ClassVar[int]
    CONCURRENT_RUNS_FIELD_NUMBER: _ClassVar[int]
    AI_WORKER_COUNT_FIELD_NUMBER: _ClassVar[int]
    CUSTOM_MCP_COUNT_FIELD_NUMBER: _ClassVar[int]
    TRIGGER_COUNT_FIELD_NUMBER: _ClassVar[int]
    projects: RestRoom
    threads: RestRoom
    concurrent_runs: RestRunLimit
    ai_worker_count: RestLimit
    custom_mcp_count: RestLimit
    trigger_count: RestTriggerLimits
    def __init__(self, projects: _Optional[_Union[RestRoom, _Mapping]] = ..., threads: _Optional[_Union[RestRoom, _Mapping]] = ..., concurrent_runs: _Optional[_Union[RestRunLimit, _Mapping]] = ..., ai_worker_count: _Optional[_Union[RestLimit, _Mapping]] = ..., custom_mcp_count: _Optional[_Union[RestLimit, _Mapping]] = ..., trigger_count: _Optional[_Union[RestTriggerLimits, _Mapping]] = ...) -> None: ...

class RestRoom(_message.Message):
    __slots__ = ("current", "max", "can_create", "tier_name")
    CURRENT_FIELD_NUMBER: _ClassVar[int]
    MAX_FIELD_NUMBER: _ClassVar[int]
    CAN_CREATE_FIELD_NUMBER: _ClassVar[int]
    TIER_NAME_FIELD_NUMBER: _ClassVar[int]
    current: int
    max: int
    can_create: bool
    tier_name: str
    def __init__(self, current: _Optional[int] = ..., max: _Optional[int] = ..., can_create: _Optional[bool] = ..., tier_name: _Optional[str] = ...) -> None: ...

class RestRunLimit(_message.Message):
    __slots__ = ("running_count", "limit", "can_start", "tier_name")
    RUNNING_COUNT_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    CAN_START_FIELD_NUMBER: _ClassVar[int]
    TIER_NAME_FIELD_NUMBER: _ClassVar[int]
    running_count: int
    limit: int
    can_start: bool
    tier_name: str
    def __init__(self, running_count: _Optional[int] = ..., limit: _Optional[int] = ..., can_start: _Optional[bool] = ..., tier_name: _Optional[str] = ...) -> None: ...

class RestLimit(_message.Message):
    __slots__ = ("current_count", "limit", "can_create", "tier_name")
    CURRENT_COUNT_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    CAN_CREATE_FIELD_NUMBER: _ClassVar[int]
    TIER_NAME_FIELD_NUMBER: _ClassVar[int]
    current_count: int
    limit: int
    can_create: bool
    tier_name: str
    def __init__(self, current_count: _Optional[int] = ..., limit: _Optional[int] = ..., can_create: _Optional[bool] = ..., tier_name: _Optional[str] = ...) -> None: ...

class RestTriggerLimits(_message.Message):
    __slots__ = ("scheduled", "app", "tier_name")
    SCHEDULED_FIELD_NUMBER: _ClassVar[int]
    APP_FIELD_NUMBER: _ClassVar[int]
    TIER_NAME_FIELD_NUMBER: _ClassVar[int]
    scheduled: RestLimit
    app: RestLimit
    tier_name: str
    def __init__(self, scheduled: _Optional[_Union[RestLimit, _Mapping]] = ..., app: _Optional[_Union[RestLimit, _Mapping]] = ..., tier_name: _Optional[str] = ...) -> None: ...

class RestTier(_message.Message):
    __slots__ = ("name", "display_name", "monthly_credits", "can_purchase_credits")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    MONTHLY_CREDITS_FIELD_NUMBER: _ClassVar[int]
    CAN_PURCHASE_CREDITS_FIELD_NUMBER: _ClassVar[int]
    name: str
    display_name: str
    monthly_credits: float
    can_purchase_credits: bool
    def __init__(self, name: _Optional[str] = ..., display_name: _Optional[str] = ..., monthly_credits: _Optional[float] = ..., can_purchase_credits: _Optional[bool] = ...) -> None: ...

class RestCache(_message.Message):
    __slots__ = ("cached", "local_mode", "ttl_seconds")
    CACHED_FIELD_NUMBER: _ClassVar[int]
    LOCAL_MODE_FIELD_NUMBER: _ClassVar[int]
    TTL_SECONDS_FIELD_NUMBER: _ClassVar[int]
    cached: bool
    local_mode: bool
    ttl_seconds: int
    def __init__(self, cached: _Optional[bool] = ..., local_mode: _Optional[bool] = ..., ttl_seconds: _Optional[int] = ...) -> None: ...

class RestFile(_message.Message):
    __slots__ = ("path", "file")
    PATH_FIELD_NUMBER: _ClassVar[int]
    FILE_FIELD_NUMBER: _ClassVar[int]
    path: str
    file: bytes
    def __init__(self, path: _Optional[str] = ..., file: _Optional[bytes] = ...) -> None: ...

class RestStored(_message.Message):
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

class RestReplaced(_message.Message):
    __slots__ = ("status", "updated", "path")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    UPDATED_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    status: str
    updated: bool
    path: str
    def __init__(self, status: _Optional[str] = ..., updated: _Optional[bool] = ..., path: _Optional[str] = ...) -> None: ...

class RestPresence(_message.Message):
    __slots__ = ("session_id", "active_thread_id", "platform", "client_timestamp", "device_info")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_THREAD_ID_FIELD_NUMBER: _ClassVar[int]
    PLATFORM_FIELD_NUMBER: _ClassVar[int]
    CLIENT_TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    DEVICE_INFO_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    active_thread_id: str
    platform: str
    client_timestamp: str
    device_info: _struct_pb2.Struct
    def __init__(self, session_id: _Optional[str] = ..., active_thread_id: _Optional[str] = ..., platform: _Optional[str] = ..., client_timestamp: _Optional[str] = ..., device_info: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ...) -> None: ...

class RestPresenceKept(_message.Message):
    __slots__ = ("success", "session_id", "disabled")
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    DISABLED_FIELD_NUMBER: _ClassVar[int]
    success: bool
    session_id: str
    disabled: bool
    def __init__(self, success: _Optional[bool] = ..., session_id: _Optional[str] = ..., disabled: _Optional[bool] = ...) -> None: ...

class RestSystemStatus(_message.Message):
    __slots__ = ("maintenanceNotice", "technicalIssue", "updatedAt")
    MAINTENANCENOTICE_FIELD_NUMBER: _ClassVar[int]
    TECHNICALISSUE_FIELD_NUMBER: _ClassVar[int]
    UPDATEDAT_FIELD_NUMBER: _ClassVar[int]
    maintenanceNotice: RestMaintenance
    technicalIssue: RestIssue
    updatedAt: str
    def __init__(self, maintenanceNotice: _Optional[_Union[RestMaintenance, _Mapping]] = ..., technicalIssue: _Optional[_Union[RestIssue, _Mapping]] = ..., updatedAt: _Optional[str] = ...) -> None: ...

class RestMaintenance(_message.Message):
    __slots__ = ("enabled", "startTime", "endTime")
    ENABLED_FIELD_NUMBER: _ClassVar[int]
    STARTTIME_FIELD_NUMBER: _ClassVar[int]
    ENDTIME_FIELD_NUMBER: _ClassVar[int]
    enabled: bool
    startTime: str
    endTime: str
    def __init__(self, enabled: _Optional[bool] = ..., startTime: _Optional[str] = ..., endTime: _Optional[str] = ...) -> None: ...

class RestIssue(_message.Message):
    __slots__ = ("enabled", "message", "description", "severity", "affectedServices", "estimatedResolution", "statusUrl")
    ENABLED_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    SEVERITY_FIELD_NUMBER: _ClassVar[int]
    AFFECTEDSERVICES_FIELD_NUMBER: _ClassVar[int]
    ESTIMATEDRESOLUTION_FIELD_NUMBER: _ClassVar[int]
    STATUSURL_FIELD_NUMBER: _ClassVar[int]
    enabled: bool
    message: str
    description: str
    severity: str
    affectedServices: _containers.RepeatedScalarFieldContainer[str]
    estimatedResolution: str
    statusUrl: str
    def __init__(self, enabled: _Optional[bool] = ..., message: _Optional[str] = ..., description: _Optional[str] = ..., severity: _Optional[str] = ..., affectedServices: _Optional[_Iterable[str]] = ..., estimatedResolution: _Optional[str] = ..., statusUrl: _Optional[str] = ...) -> None: ...

class RestPrewarmed(_message.Message):
    __slots__ = ("status", "message")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    status: str
    message: str
    def __init__(self, status: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class RestHealth(_message.Message):
    __slots__ = ("status", "timestamp", "instance_id")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    status: str
    timestamp: _timestamp_pb2.Timestamp
    instance_id: str
    def __init__(self, status: _Optional[str] = ..., timestamp: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., instance_id: _Optional[str] = ...) -> None: ...

class RestMeshHealth(_message.Message):
    __slots__ = ("status", "timestamp", "instance_id", "services", "metrics")
    class ServicesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    STATUS_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    SERVICES_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    status: str
    timestamp: _timestamp_pb2.Timestamp
    instance_id: str
    services: _containers.ScalarMap[str, str]
    metrics: RestStreams
    def __init__(self, status: _Optional[str] = ..., timestamp: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., instance_id: _Optional[str] = ..., services: _Optional[_Mapping[str, str]] = ..., metrics: _Optional[_Union[RestStreams, _Mapping]] = ...) -> None: ...

class RestStreams(_message.Message):
    __slots__ = ("open_streams", "watched_runs")
    OPEN_STREAMS_FIELD_NUMBER: _ClassVar[int]
    WATCHED_RUNS_FIELD_NUMBER: _ClassVar[int]
    open_streams: int
    watched_runs: int
    def __init__(self, open_streams: _Optional[int] = ..., watched_runs: _Optional[int] = ...) -> None: ...

class RestFigures(_message.Message):
    __slots__ = ("active_agent_runs", "active_redis_streams", "orphaned_streams", "running", "queued", "oldest_queued_s", "outbox_pending", "orphaned_runs", "open_streams")
    ACTIVE_AGENT_RUNS_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_REDIS_STREAMS_FIELD_NUMBER: _ClassVar[int]
    ORPHANED_STREAMS_FIELD_NUMBER: _ClassVar[int]
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    QUEUED_FIELD_NUMBER: _ClassVar[int]
    OLDEST_QUEUED_S_FIELD_NUMBER: _ClassVar[int]
    OUTBOX_PENDING_FIELD_NUMBER: _ClassVar[int]
    ORPHANED_RUNS_FIELD_NUMBER: _ClassVar[int]
    OPEN_STREAMS_FIELD_NUMBER: _ClassVar[int]
    active_agent_runs: int
    active_redis_streams: int
    orphaned_streams: int
    running: int
    queued: int
    oldest_queued_s: float
    outbox_pending: int
    orphaned_runs: int
    open_streams: int
    def __init__(self, active_agent_runs: _Optional[int] = ..., active_redis_streams: _Optional[int] = ..., orphaned_streams: _Optional[int] = ..., running: _Optional[int] = ..., queued: _Optional[int] = ..., oldest_queued_s: _Optional[float] = ..., outbox_pending: _Optional[int] = ..., orphaned_runs: _Optional[int] = ..., open_streams: _Optional[int] = ...) -> None: ...

class RestInstance(_message.Message):
    __slots__ = ("timestamp", "instance_id", "active_runs_on_instance", "open_streams", "is_shutting_down")
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_RUNS_ON_INSTANCE_FIELD_NUMBER: _ClassVar[int]
    OPEN_STREAMS_FIELD_NUMBER: _ClassVar[int]
    IS_SHUTTING_DOWN_FIELD_NUMBER: _ClassVar[int]
    timestamp: _timestamp_pb2.Timestamp
    instance_id: str
    active_runs_on_instance: int
    open_streams: int
    is_shutting_down: bool
    def __init__(self, timestamp: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., instance_id: _Optional[str] = ..., active_runs_on_instance: _Optional[int] = ..., open_streams: _Optional[int] = ..., is_shutting_down: _Optional[bool] = ...) -> None: ...

class RestRedis(_message.Message):
    __slots__ = ("status", "latency_ms", "pool", "timeouts", "server", "timestamp", "instance_id")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    LATENCY_MS_FIELD_NUMBER: _ClassVar[int]
    POOL_FIELD_NUMBER: _ClassVar[int]
    TIMEOUTS_FIELD_NUMBER: _ClassVar[int]
    SERVER_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    status: str
    latency_ms: float
    pool: RestPool
    timeouts: RestTimeouts
    server: _struct_pb2.Struct
    timestamp: _timestamp_pb2.Timestamp
    instance_id: str
    def __init__(self, status: _Optional[str] = ..., latency_ms: _Optional[float] = ..., pool: _Optional[_Union[RestPool, _Mapping]] = ..., timeouts: _Optional[_Union[RestTimeouts, _Mapping]] = ..., server: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., timestamp: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., instance_id: _Optional[str] = ...) -> None: ...

class RestPool(_message.Message):
    __slots__ = ("max_connections", "in_use", "idle")
    MAX_CONNECTIONS_FIELD_NUMBER: _ClassVar[int]
    IN_USE_FIELD_NUMBER: _ClassVar[int]
    IDLE_FIELD_NUMBER: _ClassVar[int]
    max_connections: int
    in_use: int
    idle: int
    def __init__(self, max_connections: _Optional[int] = ..., in_use: _Optional[int] = ..., idle: _Optional[int] = ...) -> None: ...

class RestTimeouts(_message.Message):
    __slots__ = ("connect_s", "read_s")
    CONNECT_S_FIELD_NUMBER: _ClassVar[int]
    READ_S_FIELD_NUMBER: _ClassVar[int]
    connect_s: float
    read_s: float
    def __init__(self, connect_s: _Optional[float] = ..., read_s: _Optional[float] = ...) -> None: ...
