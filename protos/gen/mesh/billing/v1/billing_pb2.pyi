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

class ListAccountsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetUserRoleRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetUserRoleResponse(_message.Message):
    __slots__ = ("isAdmin", "role")
    ISADMIN_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    isAdmin: bool
    role: str
    def __init__(self, isAdmin: _Optional[bool] = ..., role: _Optional[str] = ...) -> None: ...

class InitializeAccountRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class InitializeAccountResponse(_message.Message):
    __slots__ = ("success", "message", "account_id")
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    success: bool
    message: str
    account_id: str
    def __init__(self, success: _Optional[bool] = ..., message: _Optional[str] = ..., account_id: _Optional[str] = ...) -> None: ...

class GetAccountStateRequest(_message.Message):
    __slots__ = ("skip_cache",)
    SKIP_CACHE_FIELD_NUMBER: _ClassVar[int]
    skip_cache: bool
    def __init__(self, skip_cache: _Optional[bool] = ...) -> None: ...

class GetAccountStateResponse(_message.Message):
    __slots__ = ("credits", "subscription", "tier", "limits", "local_mode")
    CREDITS_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIPTION_FIELD_NUMBER: _ClassVar[int]
    TIER_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    LOCAL_MODE_FIELD_NUMBER: _ClassVar[int]
    credits: CreditState
    subscription: SubscriptionState
    tier: TierState
    limits: PlanLimits
    local_mode: bool
    def __init__(self, credits: _Optional[_Union[CreditState, _Mapping]] = ..., subscription: _Optional[_Union[SubscriptionState, _Mapping]] = ..., tier: _Optional[_Union[TierState, _Mapping]] = ..., limits: _Optional[_Union[PlanLimits, _Mapping]] = ..., local_mode: _Optional[bool] = ...) -> None: ...

class CreditState(_message.Message):
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
    daily_refresh: DailyRefresh
    def __init__(self, total: _Optional[float] = ..., daily: _Optional[float] = ..., monthly: _Optional[float] = ..., extra: _Optional[float] = ..., can_run: _Optional[bool] = ..., daily_refresh: _Optional[_Union[DailyRefresh, _Mapping]] = ...) -> None: ...

class DailyRefresh(_message.Message):
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

class SubscriptionState(_message.Message):
    __slots__ = ("tier_key", "tier_display_name", "status", "billing_period", "provider", "subscription_id", "current_period_end", "cancel_at_period_end", "can_purchase_credits")
    TIER_KEY_FIELD_NUMBER: _ClassVar[int]
    TIER_DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    BILLING_PERIOD_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIPTION_ID_FIELD_NUMBER: _ClassVar[int]
    CURRENT_PERIOD_END_FIELD_NUMBER: _ClassVar[int]
    CANCEL_AT_PERIOD_END_FIELD_NUMBER: _ClassVar[int]
    CAN_PURCHASE_CREDITS_FIELD_NUMBER: _ClassVar[int]
    tier_key: str
    tier_display_name: str
    status: str
    billing_period: str
    provider: str
    subscription_id: str
    current_period_end: _timestamp_pb2.Timestamp
    cancel_at_period_end: bool
    can_purchase_credits: bool
    def __init__(self, tier_key: _Optional[str] = ..., tier_display_name: _Optional[str] = ..., status: _Optional[str] = ..., billing_period: _Optional[str] = ..., provider: _Optional[str] = ..., subscription_id: _Optional[str] = ..., current_period_end: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., cancel_at_period_end: _Optional[bool] = ..., can_purchase_credits: _Optional[bool] = ...) -> None: ...

class TierState(_message.Message):
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

class PlanLimits(_message.Message):
    __slots__ = ("tier_name", "max_projects", "max_threads", "max_concurrent_runs", "max_agents", "max_custom_mcps", "max_scheduled_triggers", "max_app_triggers")
    TIER_NAME_FIELD_NUMBER: _ClassVar[int]
    MAX_PROJECTS_FIELD_NUMBER: _ClassVar[int]
    MAX_THREADS_FIELD_NUMBER: _ClassVar[int]
    MAX_CONCURRENT_RUNS_FIELD_NUMBER: _ClassVar[int]
    MAX_AGENTS_FIELD_NUMBER: _ClassVar[int]
    MAX_CUSTOM_MCPS_FIELD_NUMBER: _ClassVar[int]
    MAX_SCHEDULED_TRIGGERS_FIELD_NUMBER: _ClassVar[int]
    MAX_APP_TRIGGERS_FIELD_NUMBER: _ClassVar[int]
    tier_name: str
    max_projects: int
    max_threads: int
    max_concurrent_runs: int
    max_agents: int
    max_custom_mcps: int
    max_scheduled_triggers: int
    max_app_triggers: int
    def __init__(self, tier_name: _Optional[str] = ..., max_projects: _Optional[int] = ..., max_threads: _Optional[int] = ..., max_concurrent_runs: _Optional[int] = ..., max_agents: _Optional[int] = ..., max_custom_mcps: _Optional[int] = ..., max_scheduled_triggers: _Optional[int] = ..., max_app_triggers: _Optional[int] = ...) -> None: ...

class ListCreditUsageRequest(_message.Message):
    __slots__ = ("limit", "offset", "thread_id", "page_token")
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    THREAD_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    limit: int
    offset: int
    thread_id: str
    page_token: str
    def __init__(self, limit: _Optional[int] = ..., offset: _Optional[int] = ..., thread_id: _Optional[str] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListCreditUsageResponse(_message.Message):
    __slots__ = ("usage_records", "next_page_token", "pagination")
    USAGE_RECORDS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    PAGINATION_FIELD_NUMBER: _ClassVar[int]
    usage_records: _containers.RepeatedCompositeFieldContainer[CreditUsage]
    next_page_token: str
    pagination: Pagination
    def __init__(self, usage_records: _Optional[_Iterable[_Union[CreditUsage, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., pagination: _Optional[_Union[Pagination, _Mapping]] = ...) -> None: ...

class Pagination(_message.Message):
    __slots__ = ("total", "limit", "offset", "has_more")
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    HAS_MORE_FIELD_NUMBER: _ClassVar[int]
    total: int
    limit: int
    offset: int
    has_more: bool
    def __init__(self, total: _Optional[int] = ..., limit: _Optional[int] = ..., offset: _Optional[int] = ..., has_more: _Optional[bool] = ...) -> None: ...

class CreditUsage(_message.Message):
    __slots__ = ("id", "run_id", "thread_id", "step_no", "model", "prompt_tokens", "completion_tokens", "cached_tokens", "estimated", "credits_used", "created_at")
    ID_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    THREAD_ID_FIELD_NUMBER: _ClassVar[int]
    STEP_NO_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    PROMPT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    COMPLETION_TOKENS_FIELD_NUMBER: _ClassVar[int]
    CACHED_TOKENS_FIELD_NUMBER: _ClassVar[int]
    ESTIMATED_FIELD_NUMBER: _ClassVar[int]
    CREDITS_USED_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    id: str
    run_id: str
    thread_id: str
    step_no: int
    model: str
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    estimated: bool
    credits_used: float
    created_at: _timestamp_pb2.Timestamp
    def __init__(self, id: _Optional[str] = ..., run_id: _Optional[str] = ..., thread_id: _Optional[str] = ..., step_no: _Optional[int] = ..., model: _Optional[str] = ..., prompt_tokens: _Optional[int] = ..., completion_tokens: _Optional[int] = ..., cached_tokens: _Optional[int] = ..., estimated: _Optional[bool] = ..., credits_used: _Optional[float] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ListTransactionsRequest(_message.Message):
    __slots__ = ("limit", "offset", "type_filter", "page_token")
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    TYPE_FILTER_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    limit: int
    offset: int
    type_filter: str
    page_token: str
    def __init__(self, limit: _Optional[int] = ..., offset: _Optional[int] = ..., type_filter: _Optional[str] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListTransactionsResponse(_message.Message):
    __slots__ = ("transactions", "next_page_token", "pagination")
    TRANSACTIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    PAGINATION_FIELD_NUMBER: _ClassVar[int]
    transactions: _containers.RepeatedCompositeFieldContainer[Transaction]
    next_page_token: str
    pagination: Pagination
    def __init__(self, transactions: _Optional[_Iterable[_Union[Transaction, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., pagination: _Optional[_Union[Pagination, _Mapping]] = ...) -> None: ...

class Transaction(_message.Message):
    __slots__ = ("id", "amount", "balance_after", "type", "description", "run_id", "thread_id", "created_at")
    ID_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    BALANCE_AFTER_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    THREAD_ID_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    id: str
    amount: float
    balance_after: float
    type: str
    description: str
    run_id: str
    thread_id: str
    created_at: _timestamp_pb2.Timestamp
    def __init__(self, id: _Optional[str] = ..., amount: _Optional[float] = ..., balance_after: _Optional[float] = ..., type: _Optional[str] = ..., description: _Optional[str] = ..., run_id: _Optional[str] = ..., thread_id: _Optional[str] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class AuthorizeRunRequest(_message.Message):
    __slots__ = ("account_id", "run_id", "thread_id", "model", "running_count", "running_thread_ids", "deadline")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    THREAD_ID_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    RUNNING_COUNT_FIELD_NUMBER: _ClassVar[int]
    RUNNING_THREAD_IDS_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    run_id: str
    thread_id: str
    model: str
    running_count: int
    running_thread_ids: _containers.RepeatedScalarFieldContainer[str]
    deadline: _timestamp_pb2.Timestamp
    def __init__(self, account_id: _Optional[str] = ..., run_id: _Optional[str] = ..., thread_id: _Optional[str] = ..., model: _Optional[str] = ..., running_count: _Optional[int] = ..., running_thread_ids: _Optional[_Iterable[str]] = ..., deadline: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class AuthorizeRunResponse(_message.Message):
    __slots__ = ("hold_id", "held_microcredits", "price", "ended")
    HOLD_ID_FIELD_NUMBER: _ClassVar[int]
    HELD_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    PRICE_FIELD_NUMBER: _ClassVar[int]
    ENDED_FIELD_NUMBER: _ClassVar[int]
    hold_id: str
    held_microcredits: int
    price: Price
    ended: bool
    def __init__(self, hold_id: _Optional[str] = ..., held_microcredits: _Optional[int] = ..., price: _Optional[_Union[Price, _Mapping]] = ..., ended: _Optional[bool] = ...) -> None: ...

class Price(_message.Message):
    __slots__ = ("price_version", "model", "input_microcredits_per_mtok", "output_microcredits_per_mtok", "cached_input_microcredits_per_mtok", "cache_write_microcredits_per_mtok")
    PRICE_VERSION_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    INPUT_MICROCREDITS_PER_MTOK_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_MICROCREDITS_PER_MTOK_FIELD_NUMBER: _ClassVar[int]
    CACHED_INPUT_MICROCREDITS_PER_MTOK_FIELD_NUMBER: _ClassVar[int]
    CACHE_WRITE_MICROCREDITS_PER_MTOK_FIELD_NUMBER: _ClassVar[int]
    price_version: str
    model: str
    input_microcredits_per_mtok: int
    output_microcredits_per_mtok: int
    cached_input_microcredits_per_mtok: int
    cache_write_microcredits_per_mtok: int
    def __init__(self, price_version: _Optional[str] = ..., model: _Optional[str] = ..., input_microcredits_per_mtok: _Optional[int] = ..., output_microcredits_per_mtok: _Optional[int] = ..., cached_input_microcredits_per_mtok: _Optional[int] = ..., cache_write_microcredits_per_mtok: _Optional[int] = ...) -> None: ...

class ExtendHoldRequest(_message.Message):
    __slots__ = ("account_id", "run_id", "ordinal", "microcredits")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    ORDINAL_FIELD_NUMBER: _ClassVar[int]
    MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    run_id: str
    ordinal: int
    microcredits: int
    def __init__(self, account_id: _Optional[str] = ..., run_id: _Optional[str] = ..., ordinal: _Optional[int] = ..., microcredits: _Optional[int] = ...) -> None: ...

class ExtendHoldResponse(_message.Message):
    __slots__ = ("hold_id", "held_microcredits")
    HOLD_ID_FIELD_NUMBER: _ClassVar[int]
    HELD_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    hold_id: str
    held_microcredits: int
    def __init__(self, hold_id: _Optional[str] = ..., held_microcredits: _Optional[int] = ...) -> None: ...

class Charge(_message.Message):
    __slots__ = ("key", "step_no", "price_version", "model", "prompt_tokens", "completion_tokens", "cached_read_tokens", "cache_write_tokens", "estimated", "wasted", "message_id")
    KEY_FIELD_NUMBER: _ClassVar[int]
    STEP_NO_FIELD_NUMBER: _ClassVar[int]
    PRICE_VERSION_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    PROMPT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    COMPLETION_TOKENS_FIELD_NUMBER: _ClassVar[int]
    CACHED_READ_TOKENS_FIELD_NUMBER: _ClassVar[int]
    CACHE_WRITE_TOKENS_FIELD_NUMBER: _ClassVar[int]
    ESTIMATED_FIELD_NUMBER: _ClassVar[int]
    WASTED_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    key: str
    step_no: int
    price_version: str
    model: str
    prompt_tokens: int
    completion_tokens: int
    cached_read_tokens: int
    cache_write_tokens: int
    estimated: bool
    wasted: bool
    message_id: str
    def __init__(self, key: _Optional[str] = ..., step_no: _Optional[int] = ..., price_version: _Optional[str] = ..., model: _Optional[str] = ..., prompt_tokens: _Optional[int] = ..., completion_tokens: _Optional[int] = ..., cached_read_tokens: _Optional[int] = ..., cache_write_tokens: _Optional[int] = ..., estimated: _Optional[bool] = ..., wasted: _Optional[bool] = ..., message_id: _Optional[str] = ...) -> None: ...

class SettleRunRequest(_message.Message):
    __slots__ = ("account_id", "run_id", "thread_id", "charges", "release")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    THREAD_ID_FIELD_NUMBER: _ClassVar[int]
    CHARGES_FIELD_NUMBER: _ClassVar[int]
    RELEASE_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    run_id: str
    thread_id: str
    charges: _containers.RepeatedCompositeFieldContainer[Charge]
    release: bool
    def __init__(self, account_id: _Optional[str] = ..., run_id: _Optional[str] = ..., thread_id: _Optional[str] = ..., charges: _Optional[_Iterable[_Union[Charge, _Mapping]]] = ..., release: _Optional[bool] = ...) -> None: ...

class SettleRunResponse(_message.Message):
    __slots__ = ("posted", "held_microcredits")
    POSTED_FIELD_NUMBER: _ClassVar[int]
    HELD_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    posted: _containers.RepeatedCompositeFieldContainer[PostedCharge]
    held_microcredits: int
    def __init__(self, posted: _Optional[_Iterable[_Union[PostedCharge, _Mapping]]] = ..., held_microcredits: _Optional[int] = ...) -> None: ...

class PostedCharge(_message.Message):
    __slots__ = ("key", "microcredits")
    KEY_FIELD_NUMBER: _ClassVar[int]
    MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    key: str
    microcredits: int
    def __init__(self, key: _Optional[str] = ..., microcredits: _Optional[int] = ...) -> None: ...

class GetPriceRequest(_message.Message):
    __slots__ = ("model",)
    MODEL_FIELD_NUMBER: _ClassVar[int]
    model: str
    def __init__(self, model: _Optional[str] = ...) -> None: ...

class GetPriceResponse(_message.Message):
    __slots__ = ("price",)
    PRICE_FIELD_NUMBER: _ClassVar[int]
    price: Price
    def __init__(self, price: _Optional[_Union[Price, _Mapping]] = ...) -> None: ...

class GetPlanLimitsRequest(_message.Message):
    __slots__ = ("account_id",)
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    def __init__(self, account_id: _Optional[str] = ...) -> None: ...

class GetPlanLimitsResponse(_message.Message):
    __slots__ = ("limits",)
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    limits: PlanLimits
    def __init__(self, limits: _Optional[_Union[PlanLimits, _Mapping]] = ...) -> None: ...

class LookupRoleRequest(_message.Message):
    __slots__ = ("user_id",)
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    user_id: str
    def __init__(self, user_id: _Optional[str] = ...) -> None: ...

class LookupRoleResponse(_message.Message):
    __slots__ = ("role",)
    ROLE_FIELD_NUMBER: _ClassVar[int]
    role: str
    def __init__(self, role: _Optional[str] = ...) -> None: ...
