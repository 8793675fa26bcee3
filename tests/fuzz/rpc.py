"""Messages that nobody would send, made from descriptors: strange values in the right fields, and bytes that are wrong.

Python's own messages refuse much of it (lone surrogates, wrong wire types), so what is sent are bytes: a message that
was filled strangely, and sometimes something that no message says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import strategies as st

_F = FieldDescriptor
_DEPTH = 3
_VARINT, _BYTES, _FIXED32 = 0, 2, 5
_HUGE = 300_000

_TEXTS = [
    *("", " ", "\0", "a\0b", "../../etc/passwd", "/", "%00", "' OR 1=1 --", "{{7*7}}", "$(id)", "null", "-1", "NaN"),
    *("\u202e", "\ufeff", "\U0010ffff" * 100, "e\u0301" * 200, "\ud7ff\ue000", "a" * _HUGE, "\U0001f600" * 20_000),
]
_NUMBERS: dict[int, Sequence[int | float]] = {
    _F.CPPTYPE_INT32: (0, 1, -1, 7, 2**31 - 1, -(2**31)),
    _F.CPPTYPE_UINT32: (0, 1, 2**32 - 1),
    _F.CPPTYPE_INT64: (0, 1, -1, 2**63 - 1, -(2**63)),
    _F.CPPTYPE_UINT64: (0, 1, 2**64 - 1),
    _F.CPPTYPE_DOUBLE: (0.0, -0.0, float("nan"), float("inf"), -float("inf"), 1e308, 5e-324),
    _F.CPPTYPE_FLOAT: (0.0, float("nan"), float("inf"), -float("inf")),
    _F.CPPTYPE_BOOL: (False, True),
}
_WRONG = [
    b"",
    b"\xff" * 11,  # a varint that never ends
    b"\x08",  # a tag without a value
    b"\x0a\xff\xff\xff\xff\x0f",  # four gigabytes are announced
    b"\x00\x01",  # field 0
    b"\xfa\xff\xff\xff\x0f\x03abc",  # a field that nobody knows
    b"\x0b" * 200,  # groups in groups
]
_NO_TEXTS = [b"\xff\xfe", b"\xed\xa0\x80", b"\xc0\x80", b"\xf4\x90\x80\x80"]


def hostile(kind: Descriptor, seeds: Mapping[str, Sequence[str]]) -> st.SearchStrategy[bytes]:
    """Serialized requests of a kind; a field of which there are seeds mostly has one of them."""
    return st.tuples(_filled(kind, seeds, _DEPTH), st.just(b"") | _broken(kind)).map(
        lambda parts: parts[0].SerializeToString() + parts[1]
    )


def _filled(kind: Descriptor, seeds: Mapping[str, Sequence[str]], depth: int) -> st.SearchStrategy[Message]:
    fields = {field.name: _value(field, seeds, depth) for field in kind.fields if depth or not field.message_type}
    mapping = st.fixed_dictionaries({}, optional=fields)
    return mapping.map(lambda given: _made(kind, given))


def _made(kind: Descriptor, given: Mapping[str, Any]) -> Message:
    made: Message = GetMessageClass(kind)()
    for name, value in given.items():
        field = kind.fields_by_name[name]
        if field.is_repeated and _is_map(field):
            continue  # no request has one
        if field.is_repeated:
            getattr(made, name).extend(value)
        elif field.message_type:
            getattr(made, name).CopyFrom(value)
        else:
            setattr(made, name, value)
    return made


def _value(field: FieldDescriptor, seeds: Mapping[str, Sequence[str]], depth: int) -> st.SearchStrategy[Any]:
    one = _single(field, seeds, depth)
    return st.lists(one, max_size=3) if field.is_repeated else one


def _single(field: FieldDescriptor, seeds: Mapping[str, Sequence[str]], depth: int) -> st.SearchStrategy[Any]:
    if field.message_type:
        return _filled(field.message_type, seeds, depth - 1)
    if field.enum_type:
        return st.sampled_from([0, 1, 99, -1])
    if field.type == _F.TYPE_BYTES:
        return st.binary(max_size=200) | st.just(b"\0" * _HUGE)
    if field.type == _F.TYPE_STRING:
        strange = st.sampled_from(_TEXTS) | st.text(max_size=50)
        known = seeds.get(field.name)
        return st.one_of(*[st.sampled_from(known)] * 3, strange) if known else strange
    return st.sampled_from(_NUMBERS[field.cpp_type])


def _broken(kind: Descriptor) -> st.SearchStrategy[bytes]:
    """What no message says: rubbish, texts that are none, and values of other types than their fields'."""
    texts = [field.number for field in kind.fields if field.type == _F.TYPE_STRING]
    choices = [st.sampled_from(_WRONG), st.binary(max_size=30)]
    if texts:
        no_text = st.tuples(st.sampled_from(texts), st.sampled_from(_NO_TEXTS))
        choices.append(no_text.map(lambda pair: _tag(pair[0], _BYTES) + bytes([len(pair[1])]) + pair[1]))
    if kind.fields:
        number = st.sampled_from([field.number for field in kind.fields])
        choices += [number.map(lambda n: _tag(n, _VARINT) + b"\x01"), number.map(lambda n: _tag(n, _FIXED32) + b"abcd")]
    return st.one_of(choices)


def _tag(number: int, wire_type: int) -> bytes:
    assert number < 16
    return bytes([number << 3 | wire_type])


def _is_map(field: FieldDescriptor) -> bool:
    return bool(field.message_type and field.message_type.GetOptions().map_entry)
