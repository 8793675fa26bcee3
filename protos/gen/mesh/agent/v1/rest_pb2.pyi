import datetime

from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RestAgentPage(_message.Message):
    __slots__ = ("agents", "pagination")
    AGENTS_FIELD_NUMBER: _ClassVar[int]
    PAGINATION_FIELD_NUMBER: _ClassVar[int]
    agents: _containers.RepeatedCompositeFieldContainer[RestAgent]
    pagination: RestAgentPagination
    def __init__(self, agents: _Optional[_Iterable[_Union[RestAgent, _Mapping]]] = ..., pagination: _Optional[_Union[RestAgentPagination, _Mapping]] = ...) -> None: ...

class RestAgentPagination(_message.Message):
    __slots__ = ("page", "limit", "total", "pages")
    PAGE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    PAGES_FIELD_NUMBER: _ClassVar[int]
    page: int
    limit: int
    total: int
    pages: int
    def __init__(self, page: _Optional[int] = ..., limit: _Optional[int] = ..., total: _Optional[int] = ..., pages: _Optional[int] = ...) -> None: ...

class RestAgent(_message.Message):
    __slots__ = ("agent_id", "account_id", "name", "description", "system_prompt", "model", "configured_mcps", "custom_mcps", "agentpress_tools", "is_default", "is_public", "tags", "icon_name", "icon_color", "icon_background", "created_at", "updated_at", "current_version_id", "version_count", "current_version", "metadata")
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    SYSTEM_PROMPT_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    CONFIGURED_MCPS_FIELD_NUMBER: _ClassVar[int]
    CUSTOM_MCPS_FIELD_NUMBER: _ClassVar[int]
    AGENTPRESS_TOOLS_FIELD_NUMBER: _ClassVar[int]
    IS_DEFAULT_FIELD_NUMBER: _ClassVar[int]
    IS_PUBLIC_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    ICON_NAME_FIELD_NUMBER: _ClassVar[int]
    ICON_COLOR_FIELD_NUMBER: _ClassVar[int]
    ICON_BACKGROUND_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    CURRENT_VERSION_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_COUNT_FIELD_NUMBER: _ClassVar[int]
    CURRENT_VERSION_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    agent_id: str
    account_id: str
    name: str
    description: str
    system_prompt: str
    model: str
    configured_mcps: _containers.RepeatedCompositeFieldContainer[_struct_pb2.Struct]
    custom_mcps: _containers.RepeatedCompositeFieldContainer[_struct_pb2.Struct]
    agentpress_tools: _struct_pb2.Struct
    is_default: bool
    is_public: bool
    tags: _containers.RepeatedScalarFieldContainer[str]
    icon_name: str
    icon_color: str
    icon_background: str
    created_at: _timestamp_pb2.Timestamp
    updated_at: _timestamp_pb2.Timestamp
    current_version_id: str
    version_count: int
    current_version: RestAgentVersion
    metadata: _struct_pb2.Struct
    def __init__(self, agent_id: _Optional[str] = ..., account_id: _Optional[str] = ..., name: _Optional[str] = ..., description: _Optional[str] = ..., system_prompt: _Optional[str] = ..., model: _Optional[str] = ..., configured_mcps: _Optional[_Iterable[_Union[_struct_pb2.Struct, _Mapping]]] = ..., custom_mcps: _Optional[_Iterable[_Union[_struct_pb2.Struct, _Mapping]]] = ..., agentpress_tools: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., is_default: _Optional[bool] = ..., is_public: _Optional[bool] = ..., tags: _Optional[_Iterable[str]] = ..., icon_name: _Optional[str] = ..., icon_color: _Optional[str] = ..., icon_background: _Optional[str] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., updated_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., current_version_id: _Optional[str] = ..., version_count: _Optional[int] = ..., current_version: _Optional[_Union[RestAgentVersion, _Mapping]] = ..., metadata: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ...) -> None: ...

class RestAgentVersion(_message.Message):
    __slots__ = ("version_id", "agent_id", "version_number", "version_name", "system_prompt", "model", "configured_mcps", "custom_mcps", "agentpress_tools", "is_active", "created_at", "updated_at", "created_by")
    VERSION_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_NUMBER_FIELD_NUMBER: _ClassVar[int]
    VERSION_NAME_FIELD_NUMBER: _ClassVar[int]
    SYSTEM_PROMPT_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    CONFIGURED_MCPS_FIELD_NUMBER: _ClassVar[int]
    CUSTOM_MCPS_FIELD_NUMBER: _ClassVar[int]
    AGENTPRESS_TOOLS_FIELD_NUMBER: _ClassVar[int]
    IS_ACTIVE_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    CREATED_BY_FIELD_NUMBER: _ClassVar[int]
    version_id: str
    agent_id: str
    version_number: int
    version_name: str
    system_prompt: str
    model: str
    configured_mcps: _containers.RepeatedCompositeFieldContainer[_struct_pb2.Struct]
    custom_mcps: _containers.RepeatedCompositeFieldContainer[_struct_pb2.Struct]
    agentpress_tools: _struct_pb2.Struct
    is_active: bool
    created_at: _timestamp_pb2.Timestamp
    updated_at: _timestamp_pb2.Timestamp
    created_by: str
    def __init__(self, version_id: _Optional[str] = ..., agent_id: _Optional[str] = ..., version_number: _Optional[int] = ..., version_name: _Optional[str] = ..., system_prompt: _Optional[str] = ..., model: _Optional[str] = ..., configured_mcps: _Optional[_Iterable[_Union[_struct_pb2.Struct, _Mapping]]] = ..., custom_mcps: _Optional[_Iterable[_Union[_struct_pb2.Struct, _Mapping]]] = ..., agentpress_tools: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., is_active: _Optional[bool] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., updated_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., created_by: _Optional[str] = ...) -> None: ...

class RestNewAgent(_message.Message):
    __slots__ = ("name", "description", "system_prompt", "model", "configured_mcps", "custom_mcps", "agentpress_tools", "is_default", "icon_name", "icon_color", "icon_background")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    SYSTEM_PROMPT_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    CONFIGURED_MCPS_FIELD_NUMBER: _ClassVar[int]
    CUSTOM_MCPS_FIELD_NUMBER: _ClassVar[int]
    AGENTPRESS_TOOLS_FIELD_NUMBER: _ClassVar[int]
    IS_DEFAULT_FIELD_NUMBER: _ClassVar[int]
    ICON_NAME_FIELD_NUMBER: _ClassVar[int]
    ICON_COLOR_FIELD_NUMBER: _ClassVar[int]
    ICON_BACKGROUND_FIELD_NUMBER: _ClassVar[int]
    name: str
    description: str
    system_prompt: str
    model: str
    configured_mcps: _containers.RepeatedCompositeFieldContainer[_struct_pb2.Struct]
    custom_mcps: _containers.RepeatedCompositeFieldContainer[_struct_pb2.Struct]
    agentpress_tools: _struct_pb2.Struct
    is_default: bool
    icon_name: str
    icon_color: str
    icon_background: str
    def __init__(self, name: _Optional[str] = ..., description: _Optional[str] = ..., system_prompt: _Optional[str] = ..., model: _Optional[str] = ..., configured_mcps: _Optional[_Iterable[_Union[_struct_pb2.Struct, _Mapping]]] = ..., custom_mcps: _Optional[_Iterable[_Union[_struct_pb2.Struct, _Mapping]]] = ..., agentpress_tools: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., is_default: _Optional[bool] = ..., icon_name: _Optional[str] = ..., icon_color: _Optional[str] = ..., icon_background: _Optional[str] = ...) -> None: ...

class RestAgentChange(_message.Message):
    __slots__ = ("name", "description", "system_prompt", "model", "configured_mcps", "custom_mcps", "agentpress_tools", "is_default", "icon_name", "icon_color", "icon_background", "replace_mcps")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    SYSTEM_PROMPT_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    CONFIGURED_MCPS_FIELD_NUMBER: _ClassVar[int]
    CUSTOM_MCPS_FIELD_NUMBER: _ClassVar[int]
    AGENTPRESS_TOOLS_FIELD_NUMBER: _ClassVar[int]
    IS_DEFAULT_FIELD_NUMBER: _ClassVar[int]
    ICON_NAME_FIELD_NUMBER: _ClassVar[int]
    ICON_COLOR_FIELD_NUMBER: _ClassVar[int]
    ICON_BACKGROUND_FIELD_NUMBER: _ClassVar[int]
    REPLACE_MCPS_FIELD_NUMBER: _ClassVar[int]
    name: str
    description: str
    system_prompt: str
    model: str
    configured_mcps: _containers.RepeatedCompositeFieldContainer[_struct_pb2.Struct]
    custom_mcps: _containers.RepeatedCompositeFieldContainer[_struct_pb2.Struct]
    agentpress_tools: _struct_pb2.Struct
    is_default: bool
    icon_name: str
    icon_color: str
    icon_background: str
    replace_mcps: bool
    def __init__(self, name: _Optional[str] = ..., description: _Optional[str] = ..., system_prompt: _Optional[str] = ..., model: _Optional[str] = ..., configured_mcps: _Optional[_Iterable[_Union[_struct_pb2.Struct, _Mapping]]] = ..., custom_mcps: _Optional[_Iterable[_Union[_struct_pb2.Struct, _Mapping]]] = ..., agentpress_tools: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., is_default: _Optional[bool] = ..., icon_name: _Optional[str] = ..., icon_color: _Optional[str] = ..., icon_background: _Optional[str] = ..., replace_mcps: _Optional[bool] = ...) -> None: ...
