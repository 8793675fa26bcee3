from google.protobuf import descriptor_pb2 as _descriptor_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor
RAW_FIELD_NUMBER: _ClassVar[int]
raw: _descriptor.FieldDescriptor
ABSENT_FIELD_NUMBER: _ClassVar[int]
absent: _descriptor.FieldDescriptor

class Raw(_message.Message):
    __slots__ = ("request", "request_types", "request_may_be_text", "response", "response_is_list", "response_type", "headers", "response_is_map")
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    REQUEST_TYPES_FIELD_NUMBER: _ClassVar[int]
    REQUEST_MAY_BE_TEXT_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_IS_LIST_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_TYPE_FIELD_NUMBER: _ClassVar[int]
    HEADERS_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_IS_MAP_FIELD_NUMBER: _ClassVar[int]
    request: str
    request_types: _containers.RepeatedScalarFieldContainer[str]
    request_may_be_text: bool
    response: str
    response_is_list: bool
    response_type: str
    headers: _containers.RepeatedCompositeFieldContainer[Header]
    response_is_map: bool
    def __init__(self, request: _Optional[str] = ..., request_types: _Optional[_Iterable[str]] = ..., request_may_be_text: _Optional[bool] = ..., response: _Optional[str] = ..., response_is_list: _Optional[bool] = ..., response_type: _Optional[str] = ..., headers: _Optional[_Iterable[_Union[Header, _Mapping]]] = ..., response_is_map: _Optional[bool] = ...) -> None: ...

class Header(_message.Message):
    __slots__ = ("name", "description")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    name: str
    description: str
    def __init__(self, name: _Optional[str] = ..., description: _Optional[str] = ...) -> None: ...
